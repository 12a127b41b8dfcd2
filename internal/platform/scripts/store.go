package scripts

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/stored"
)

// Store has the scripts of all accounts. Its methods are safe for concurrent use.
type Store struct {
	options Options
	runtime Runtime

	mu       sync.Mutex // guards accounts, with everything in them, and uploads
	accounts map[string]*Account
	uploads  map[string]*assetSession
}

// Options configure a store.
type Options struct {
	// Dir is the folder of the state.
	Dir string
	// Subdomain is the account's name under workers.dev, or "-" if it has none.
	Subdomain string
	// CheckScripts starts each uploaded Worker before the upload is accepted.
	CheckScripts bool
	// Deleted is called for a script that was deleted.
	Deleted func(account, script string) *api.Error
	// HasNamespace reports whether an account has a KV namespace.
	HasNamespace func(account, id string) bool
	// StandIns accepts bindings to Workers that are not deployed, and their Durable Objects.
	StandIns bool
	// Note says how a binding differs here from Cloudflare, or "". It may be nil.
	Note func(Binding) string
	// Log writes a line into the platform's log.
	Log func(format string, args ...any)
}

// Runtime runs the deployed scripts.
type Runtime interface {
	// Open gives a script an address: the port, if it is free, or another one, which Open
	// returns. It must not use the store.
	Open(account, script string, port int) (int, error)
	// Activate makes running scripts serve their active deployments.
	Activate(account string)
	// Remove ends a deleted script.
	Remove(account, script string)
	// Available returns why no script can be started, or nil.
	Available() error
	// Check starts a draft's version. It returns an error if that fails, and otherwise the
	// warnings of the runtime.
	Check(ctx context.Context, account string, d *Draft) (warnings string, err error)
}

// Account has the scripts of one account by name.
type Account struct {
	ID      string
	Scripts map[string]*Script
}

// Open reads the scripts that are stored in a folder. The caller must call Run before it
// uses the routes.
func Open(options Options) (*Store, error) {
	s := &Store{options: options, accounts: map[string]*Account{}, uploads: map[string]*assetSession{}}
	for _, sub := range []string{"accounts", "modules", "assets"} {
		if err := os.MkdirAll(filepath.Join(options.Dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	files, err := filepath.Glob(s.accountFile("*", "scripts", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		id := filepath.Base(filepath.Dir(filepath.Dir(file)))
		if !api.AccountID.MatchString(id) {
			continue
		}
		sc := &Script{}
		if err := stored.Read(file, sc); err != nil {
			return nil, err
		}
		s.account(id).Scripts[sc.Name] = sc
	}
	return s, nil
}

// Run gives each stored script an address. From then on the runtime runs what is deployed.
func (s *Store) Run(runtime Runtime) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runtime = runtime
	for id, a := range s.accounts {
		for _, sc := range a.Sorted() {
			if err := s.open(id, sc); err != nil {
				return err
			}
		}
	}
	return nil
}

// open gives a script an address. s.mu is held.
func (s *Store) open(account string, sc *Script) error {
	port, err := s.runtime.Open(account, sc.Name, sc.Port)
	if err != nil || port == sc.Port {
		return err
	}
	sc.Port = port
	if apiErr := s.save(account, sc); apiErr != nil {
		return apiErr
	}
	return nil
}

// Accounts returns the accounts that have or had scripts, in order.
func (s *Store) Accounts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.accounts))
}

// Addresses returns the address of every script. If two accounts have a script of the same
// name, it returns that of the first account.
func (s *Store) Addresses() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	urls := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(s.accounts)) {
		for name, sc := range s.accounts[id].Scripts {
			if urls[name] == "" {
				urls[name] = fmt.Sprintf("http://127.0.0.1:%d", sc.Port)
			}
		}
	}
	return urls
}

// Has reports whether an account has a script.
func (s *Store) Has(account, script string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[account]
	return a != nil && a.Scripts[script] != nil
}

// Producers returns the scripts of an account whose active version binds a queue, in order.
func (s *Store) Producers(account, queue string) []string {
	var names []string
	s.View(account, func(a *Account) {
		for _, sc := range a.Sorted() {
			binds := func(b Binding) bool { return b.Text("type") == "queue" && b.Text("queue_name") == queue }
			if v := sc.activeVersion(); v != nil && slices.ContainsFunc(v.Bindings, binds) {
				names = append(names, sc.Name)
			}
		}
	})
	return names
}

// View calls look with an account, which look must not change or keep. The store is locked
// meanwhile.
func (s *Store) View(account string, look func(*Account)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.accounts[account]; a != nil {
		look(a)
		return
	}
	look(&Account{ID: account})
}

// activate makes the runtime serve what is deployed. wrangler prints an address under
// workers.dev, so the log has the local one.
func (s *Store) activate(c *api.Call) {
	s.runtime.Activate(c.Account)
	if source(c.R) == "wrangler" {
		name := c.R.PathValue("script")
		s.options.Log("%s is at %s", name, s.Addresses()[name])
	}
}

// account returns the account with an id, and creates it if necessary. s.mu is held.
func (s *Store) account(id string) *Account {
	a := s.accounts[id]
	if a == nil {
		a = &Account{ID: id, Scripts: map[string]*Script{}}
		s.accounts[id] = a
	}
	return a
}

// Sorted returns the scripts by name.
func (a *Account) Sorted() []*Script {
	return slices.SortedFunc(maps.Values(a.Scripts), func(x, y *Script) int { return strings.Compare(x.Name, y.Name) })
}

func (s *Store) accountFile(id string, name ...string) string {
	return filepath.Join(append([]string{s.options.Dir, "accounts", id}, name...)...)
}

package kv

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/stored"
)

// Store has the namespaces of all accounts. Its methods are safe for concurrent use.
type Store struct {
	dir       string
	behaviour func() Behaviour
	// foreign allows namespaces that were created elsewhere: see [Store.AllowForeign].
	foreign bool

	mu       sync.Mutex // guards accounts, and the titles of namespaces
	accounts map[string]map[string]*Namespace
}

// Behaviour is how lists behave.
type Behaviour struct {
	// ListLag is the time for which lists show a changed key in its previous state.
	ListLag time.Duration
	// EmptyPages adds an empty page before every page of a list.
	EmptyPages bool
}

// Open reads the namespaces that are stored in a folder. The store calls behaviour for each
// request.
func Open(dir string, behaviour func() Behaviour) (*Store, error) {
	s := &Store{dir: dir, behaviour: behaviour, accounts: map[string]map[string]*Namespace{}}
	for _, sub := range []string{"accounts", "kv"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "accounts"))
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !api.AccountID.MatchString(entry.Name()) {
			continue
		}
		if err := s.load(entry.Name()); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Store) load(account string) error {
	var list []*Namespace
	if err := stored.Read(s.listFile(account), &list); err != nil {
		return err
	}
	for _, ns := range list {
		if err := openNamespace(s.logFile(ns.ID), ns); err != nil {
			return err
		}
		s.account(account)[ns.ID] = ns
	}
	return nil
}

// Close closes the files. The store must not be used afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, namespaces := range s.accounts {
		for _, ns := range namespaces {
			errs = append(errs, ns.close())
		}
	}
	return errors.Join(errs...)
}

// Accounts returns the accounts that have or had namespaces.
func (s *Store) Accounts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.accounts))
}

// Namespace returns a namespace, or nil.
func (s *Store) Namespace(account, id string) *Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[account][id]
}

// AllowForeign lets Find create an empty namespace for an unknown id. A configuration that was
// written for a Cloudflare account names namespaces that exist only there. Call it before the first
// request.
func (s *Store) AllowForeign() { s.foreign = true }

// foreignID matches the ids for which Find creates a namespace. An id is also the name of a file.
var foreignID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// Find returns the namespace with an id, or nil. After AllowForeign it creates a namespace that
// does not exist.
func (s *Store) Find(account, id string) (*Namespace, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ns := s.accounts[account][id]
	if ns != nil || !s.foreign || !foreignID.MatchString(id) {
		return ns, nil
	}
	ns = &Namespace{ID: id, Title: "stand-in for " + id}
	if err := openNamespace(s.logFile(id), ns); err != nil {
		return nil, api.Internal(err)
	}
	s.account(account)[id] = ns
	if err := s.save(account); err != nil {
		delete(s.account(account), id)
		return nil, api.Internal(errors.Join(err, ns.close()))
	}
	return ns, nil
}

// account returns the namespaces of an account by id. s.mu is held.
func (s *Store) account(id string) map[string]*Namespace {
	if s.accounts[id] == nil {
		s.accounts[id] = map[string]*Namespace{}
	}
	return s.accounts[id]
}

func (s *Store) listFile(account string) string {
	return filepath.Join(s.dir, "accounts", account, "namespaces.json")
}

func (s *Store) logFile(id string) string { return filepath.Join(s.dir, "kv", id+".log") }

// save stores the list of an account's namespaces. s.mu is held.
func (s *Store) save(account string) error {
	return stored.Write(s.listFile(account), s.sorted(account))
}

// sorted returns the namespaces of an account by title. s.mu is held.
func (s *Store) sorted(account string) []*Namespace {
	list := slices.AppendSeq([]*Namespace{}, maps.Values(s.accounts[account]))
	sort.Slice(list, func(i, j int) bool { return list[i].Title < list[j].Title })
	return list
}

// titled returns the namespace of an account with a title, or nil. s.mu is held.
func (s *Store) titled(account, title string) *Namespace {
	for _, ns := range s.accounts[account] {
		if ns.Title == title {
			return ns
		}
	}
	return nil
}

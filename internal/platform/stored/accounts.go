package stored

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Accounts keeps a value for each account, in a file of the account's folder. Its methods are
// safe for concurrent use.
type Accounts[T any] struct {
	dir, file string

	mu     sync.Mutex // guards values, with everything in them
	values map[string]*T
}

// OpenAccounts reads the files with a name in the folders of all accounts.
func OpenAccounts[T any](dir, file string) (*Accounts[T], error) {
	a := &Accounts[T]{dir: dir, file: file, values: map[string]*T{}}
	files, err := filepath.Glob(a.path("*"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		id := filepath.Base(filepath.Dir(path))
		if !api.AccountID.MatchString(id) {
			continue
		}
		if err := Read(path, a.value(id)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *Accounts[T]) path(account string) string {
	return filepath.Join(a.dir, "accounts", account, a.file)
}

// value returns the value of an account, and creates it if necessary. a.mu is held, except
// while the files are read.
func (a *Accounts[T]) value(account string) *T {
	if a.values[account] == nil {
		a.values[account] = new(T)
	}
	return a.values[account]
}

// IDs returns the accounts that have a value, in order.
func (a *Accounts[T]) IDs() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.values))
}

// View calls look with the value of an account, which look must not change or keep.
func (a *Accounts[T]) View(account string, look func(*T)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if v := a.values[account]; v != nil {
		look(v)
		return
	}
	look(new(T))
}

// Change calls change with the value of an account, and stores the value. If that fails, the value
// is again what is stored. If change returns an error, it must not have changed the value.
func (a *Accounts[T]) Change(account string, change func(*T) *api.Error) *api.Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.value(account)
	if apiErr := change(v); apiErr != nil {
		return apiErr
	}
	err := Write(a.path(account), v)
	if err != nil {
		var before T
		err = errors.Join(err, Read(a.path(account), &before))
		*v = before
	}
	return api.Internal(err)
}

package platform

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
)

// account is one account: its namespaces and scripts. Server.mu guards it.
type account struct {
	id         string
	namespaces map[string]*namespace
	scripts    map[string]*script
}

// load reads the state of an earlier run.
func (s *Server) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dirs, err := os.ReadDir(filepath.Join(s.dir, "accounts"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !accountID.MatchString(dir.Name()) {
			continue
		}
		if err := s.loadAccount(dir.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) loadAccount(id string) error {
	a := s.account(id)
	var namespaces []*namespace
	if err := readState(s.accountFile(id, "namespaces.json"), &namespaces); err != nil {
		return err
	}
	for _, ns := range namespaces {
		if err := openNamespace(s.namespaceFile(ns.ID), ns); err != nil {
			return err
		}
		a.namespaces[ns.ID] = ns
	}
	files, err := filepath.Glob(s.accountFile(id, "scripts", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		sc := &script{}
		if err := readState(file, sc); err != nil {
			return err
		}
		a.scripts[sc.Name] = sc
		if err := s.workers.open(id, sc); err != nil {
			return err
		}
	}
	return nil
}

// account returns the account with an id, and creates it if necessary. s.mu is held.
func (s *Server) account(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = &account{id: id, namespaces: map[string]*namespace{}, scripts: map[string]*script{}}
		s.accounts[id] = a
	}
	return a
}

// DefaultAccount is the account that /accounts lists while no account exists.
const DefaultAccount = "00000000000000000000000000000000"

func (s *Server) accountIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := []string{}
	for id := range s.accounts {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		ids = append(ids, DefaultAccount)
	}
	sort.Strings(ids)
	return ids
}

func (s *Server) namespace(accountID, id string) *namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[accountID]
	if a == nil {
		return nil
	}
	return a.namespaces[id]
}

func (s *Server) accountFile(id string, name ...string) string {
	return filepath.Join(append([]string{s.dir, "accounts", id}, name...)...)
}

func (s *Server) namespaceFile(id string) string { return filepath.Join(s.dir, "kv", id+".log") }

func (s *Server) saveNamespaces(a *account) error {
	return writeState(s.accountFile(a.id, "namespaces.json"), a.sortedNamespaces())
}

func (a *account) sortedNamespaces() []*namespace {
	list := []*namespace{}
	for _, ns := range a.namespaces {
		list = append(list, ns)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Title < list[j].Title })
	return list
}

func readState(path string, into any) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// writeState replaces a file atomically.
func writeState(path string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, raw, 0o600)
}

func namespaceJSON(ns *namespace) map[string]any {
	return map[string]any{"id": ns.ID, "title": ns.Title, "supports_url_encoding": true}
}

// title reads the title of a namespace from the request, and checks it.
func (c *call) title() (string, *apiError) {
	var body struct {
		Title string `json:"title"`
	}
	if apiErr := c.decode(&body); apiErr != nil {
		return "", apiErr
	}
	if body.Title == "" || len(body.Title) > maxKey {
		return "", failure(http.StatusBadRequest, 10019, "a namespace title must have 1 to %d bytes", maxKey)
	}
	return body.Title, nil
}

func (a *account) namespaceTitled(title string) *namespace {
	for _, ns := range a.namespaces {
		if ns.Title == title {
			return ns
		}
	}
	return nil
}

func (c *call) namespaceCreate() *apiError {
	title, apiErr := c.title()
	if apiErr != nil {
		return apiErr
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	a := c.s.account(c.account)
	if a.namespaceTitled(title) != nil {
		return failure(http.StatusBadRequest, 10014,
			"create namespace: 'a namespace with this account ID and title already exists'")
	}
	ns := &namespace{ID: newID(), Title: title}
	if err := openNamespace(c.s.namespaceFile(ns.ID), ns); err != nil {
		return internalError(err)
	}
	a.namespaces[ns.ID] = ns
	if err := c.s.saveNamespaces(a); err != nil {
		return internalError(err)
	}
	return c.reply(namespaceJSON(ns))
}

func (c *call) namespaceList() *apiError {
	q := c.r.URL.Query()
	page, perPage := positiveOr(q.Get("page"), 1), min(positiveOr(q.Get("per_page"), 20), 1000)
	c.s.mu.Lock()
	all := []*namespace{}
	if a := c.s.accounts[c.account]; a != nil {
		all = a.sortedNamespaces()
	}
	c.s.mu.Unlock()
	if q.Get("order") == "id" {
		sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	}
	if q.Get("direction") == "desc" {
		for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
			all[i], all[j] = all[j], all[i]
		}
	}
	from := min((page-1)*perPage, len(all))
	list := []any{}
	for _, ns := range all[from:min(from+perPage, len(all))] {
		list = append(list, namespaceJSON(ns))
	}
	writeResult(c.w, list, map[string]any{
		"page": page, "per_page": perPage, "count": len(list),
		"total_count": len(all), "total_pages": (len(all) + perPage - 1) / perPage,
	})
	return nil
}

func positiveOr(raw string, otherwise int) int {
	if n, err := strconv.Atoi(raw); err == nil && n > 0 && n < 1<<20 {
		return n
	}
	return otherwise
}

func (c *call) namespaceGet() *apiError {
	ns, apiErr := c.namespace()
	if apiErr != nil {
		return apiErr
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.reply(namespaceJSON(ns))
}

func (c *call) namespaceRename() *apiError {
	ns, apiErr := c.namespace()
	if apiErr != nil {
		return apiErr
	}
	title, apiErr := c.title()
	if apiErr != nil {
		return apiErr
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	a := c.s.account(c.account)
	if other := a.namespaceTitled(title); other != nil && other != ns {
		return failure(http.StatusBadRequest, 10014,
			"rename namespace: 'a namespace with this account ID and title already exists'")
	}
	ns.Title = title
	if err := c.s.saveNamespaces(a); err != nil {
		return internalError(err)
	}
	return c.reply(namespaceJSON(ns))
}

func (c *call) namespaceDelete() *apiError {
	ns, apiErr := c.namespace()
	if apiErr != nil {
		return apiErr
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	a := c.s.account(c.account)
	delete(a.namespaces, ns.ID)
	if err := c.s.saveNamespaces(a); err != nil {
		return internalError(err)
	}
	// Concurrent readers keep the open file.
	if err := os.Remove(c.s.namespaceFile(ns.ID)); err != nil {
		return internalError(err)
	}
	return c.reply(nil)
}

package kv

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"sort"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Routes returns the routes of the API.
func (s *Store) Routes() []api.Route {
	const (
		list = "/accounts/{account}/storage/kv/namespaces"
		one  = list + "/{namespace}"
	)
	return []api.Route{
		api.On("POST "+list, "kv.namespaces.create", api.KVWrite, s.namespaceCreate),
		api.On("GET "+list, "kv.namespaces.list", api.KVRead, s.namespaceList),
		api.On("GET "+one, "kv.namespaces.get", api.KVRead, s.namespaceGet),
		api.On("PUT "+one, "kv.namespaces.rename", api.KVWrite, s.namespaceRename),
		api.On("DELETE "+one, "kv.namespaces.delete", api.KVWrite, s.namespaceDelete),
		api.On("GET "+one+"/keys", "kv.keys.list", api.KVRead, s.keysList),
		api.On("GET "+one+"/values/{key}", "kv.values.get", api.KVRead, s.valueGet),
		api.On("PUT "+one+"/values/{key}", "kv.values.put", api.KVWrite, s.valuePut),
		api.On("DELETE "+one+"/values/{key}", "kv.values.delete", api.KVWrite, s.valueDelete),
		api.On("GET "+one+"/metadata/{key}", "kv.metadata.get", api.KVRead, s.metadataGet),
		api.On("PUT "+one+"/bulk", "kv.bulk.put", api.KVWrite, s.bulkPut),
		api.On("POST "+one+"/bulk/delete", "kv.bulk.delete", api.KVWrite, s.bulkDelete),
		api.On("DELETE "+one+"/bulk", "kv.bulk.delete", api.KVWrite, s.bulkDelete),
		api.On("POST "+one+"/bulk/get", "kv.bulk.get", api.KVRead, s.bulkGet),
	}
}

func namespaceJSON(ns *Namespace) map[string]any {
	return map[string]any{"id": ns.ID, "title": ns.Title, "supports_url_encoding": true}
}

// title reads the title of a namespace from the request, and checks it.
func title(c *api.Call) (string, *api.Error) {
	var body struct {
		Title string `json:"title"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return "", apiErr
	}
	if body.Title == "" || len(body.Title) > maxKey {
		return "", api.Failure(http.StatusBadRequest, 10019, "a namespace title must have 1 to %d bytes", maxKey)
	}
	return body.Title, nil
}

func (s *Store) namespaceCreate(c *api.Call) *api.Error {
	title, apiErr := title(c)
	if apiErr != nil {
		return apiErr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.titled(c.Account, title) != nil {
		return api.Failure(http.StatusBadRequest, 10014,
			"create namespace: 'a namespace with this account ID and title already exists'")
	}
	ns := &Namespace{ID: api.NewID(), Title: title}
	if err := openNamespace(s.logFile(ns.ID), ns); err != nil {
		return api.Internal(err)
	}
	s.account(c.Account)[ns.ID] = ns
	if err := s.save(c.Account); err != nil {
		delete(s.account(c.Account), ns.ID)
		return api.Internal(errors.Join(err, ns.close(), os.Remove(s.logFile(ns.ID))))
	}
	return c.Reply(namespaceJSON(ns))
}

func (s *Store) namespaceList(c *api.Call) *api.Error {
	q := c.R.URL.Query()
	s.mu.Lock()
	all := s.sorted(c.Account)
	s.mu.Unlock()
	if q.Get("order") == "id" {
		sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	}
	if q.Get("direction") == "desc" {
		slices.Reverse(all)
	}
	list := []any{}
	for _, ns := range all {
		list = append(list, namespaceJSON(ns))
	}
	return api.ReplyPage(c, list, api.Usual)
}

func (s *Store) namespaceGet(c *api.Call) *api.Error {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return apiErr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.Reply(namespaceJSON(ns))
}

func (s *Store) namespaceRename(c *api.Call) *api.Error {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return apiErr
	}
	title, apiErr := title(c)
	if apiErr != nil {
		return apiErr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.titled(c.Account, title); other != nil && other != ns {
		return api.Failure(http.StatusBadRequest, 10014,
			"rename namespace: 'a namespace with this account ID and title already exists'")
	}
	before := ns.Title
	ns.Title = title
	if err := s.save(c.Account); err != nil {
		ns.Title = before
		return api.Internal(err)
	}
	return c.Reply(namespaceJSON(ns))
}

func (s *Store) namespaceDelete(c *api.Call) *api.Error {
	ns, apiErr := s.named(c)
	if apiErr != nil {
		return apiErr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts[c.Account], ns.ID)
	if err := s.save(c.Account); err != nil {
		s.accounts[c.Account][ns.ID] = ns
		return api.Internal(err)
	}
	// Concurrent readers keep the open file.
	if err := os.Remove(s.logFile(ns.ID)); err != nil {
		return api.Internal(err)
	}
	return c.Reply(map[string]any{})
}

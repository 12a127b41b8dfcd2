package resources

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// database is a D1 database.
type database struct {
	UUID         string    `json:"uuid"`
	Name         string    `json:"name"`
	Version      string    `json:"version"`
	Created      time.Time `json:"created_at"`
	Jurisdiction string    `json:"jurisdiction,omitempty"`
}

// databasePages are the sizes of the pages of a list of databases.
var databasePages = api.Sizes{Default: 100, Most: 10_000}

// database returns the database with an id or a name, or nil.
func (r *resources) database(idOrName string) *database {
	return find(r.Databases, func(d *database) bool { return d.UUID == idOrName || d.Name == idOrName })
}

func noDatabase(idOrName string) *api.Error {
	return api.Failure(http.StatusNotFound, 7404, "The database %s could not be found", idOrName)
}

func (s *Store) databasesList(c *api.Call) *api.Error {
	name := c.R.URL.Query().Get("name")
	list := []*database{}
	s.accounts.View(c.Account, func(r *resources) {
		for _, d := range r.Databases {
			if strings.Contains(d.Name, name) {
				list = append(list, d)
			}
		}
	})
	slices.Reverse(list) // the newest first
	return api.ReplyPage(c, list, databasePages)
}

func (s *Store) databaseCreate(c *api.Call) *api.Error {
	var body struct {
		Name         string `json:"name"`
		Jurisdiction string `json:"jurisdiction"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	if body.Name == "" {
		return api.Failure(http.StatusBadRequest, 7400, "a database needs a name")
	}
	d := &database{UUID: api.NewUUID(), Name: body.Name, Version: "production", Created: api.Now(),
		Jurisdiction: body.Jurisdiction}
	apiErr := s.accounts.Change(c.Account, func(r *resources) *api.Error {
		if r.database(d.Name) != nil {
			return api.Failure(http.StatusBadRequest, 7502, "Database with name '%s' already exists", d.Name)
		}
		r.Databases = append(r.Databases, d)
		return nil
	})
	return c.ReplyUnless(apiErr, d)
}

func (s *Store) databaseGet(c *api.Call) *api.Error {
	id := c.R.PathValue("database")
	var found *database
	s.accounts.View(c.Account, func(r *resources) { found = r.database(id) })
	if found == nil {
		return noDatabase(id)
	}
	return c.Reply(found)
}

func (s *Store) databaseDelete(c *api.Call) *api.Error {
	apiErr := s.accounts.Change(c.Account, func(r *resources) *api.Error {
		old := r.database(c.R.PathValue("database"))
		if old == nil {
			return noDatabase(c.R.PathValue("database"))
		}
		r.Databases = without(r.Databases, old)
		return nil
	})
	return c.ReplyUnless(apiErr, map[string]any{})
}

package triggers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// route is a pattern of URLs that a script serves in a zone. Without a script it is an exception
// to other routes. It is immutable.
type route struct {
	ID      string `json:"id"`
	Pattern string `json:"pattern"`
	Script  string `json:"script,omitempty"`
	Zone    string `json:"zone_id"`
}

// newRoute checks a pattern and finds its zone.
func newRoute(pattern, script, zoneID, zoneName string) (*route, *api.Error) {
	r := &route{ID: api.NewID(), Pattern: pattern, Script: script}
	if r.host() == "" {
		return nil, api.Failure(http.StatusBadRequest, 10022, "Invalid route pattern %q", pattern)
	}
	z, apiErr := zoneFor(zoneID, zoneName, r.host())
	r.Zone = z.id
	return r, apiErr
}

// host returns the host of the pattern, without its wildcard.
func (r *route) host() string {
	host := r.Pattern
	if _, after, ok := strings.Cut(host, "://"); ok {
		host = after
	}
	host, _, _ = strings.Cut(host, "/")
	return strings.TrimPrefix(strings.TrimPrefix(host, "*"), ".")
}

func (r *route) zoneName() string {
	z, _ := zoneOf(r.host())
	return z.name
}

func (r *route) show() map[string]any {
	out := map[string]any{"id": r.ID, "pattern": r.Pattern, "request_limit_fail_open": false}
	if r.Script != "" {
		out["script"] = r.Script
	}
	return out
}

// taken returns an error if the account has another route with this pattern.
func (t *triggers) taken(r *route) *api.Error {
	for _, other := range t.Routes {
		if other.Pattern == r.Pattern && other.ID != r.ID {
			return api.Failure(http.StatusConflict, 10020,
				"A route with the same pattern already exists: %s belongs to the Worker %q", r.Pattern, other.Script)
		}
	}
	return nil
}

// scriptRoutesPut replaces the routes of a script, in all zones.
func (s *Store) scriptRoutesPut(c *api.Call) *api.Error {
	script, apiErr := s.script(c)
	if apiErr != nil {
		return apiErr
	}
	var body []struct {
		Pattern  string `json:"pattern"`
		ZoneID   string `json:"zone_id"`
		ZoneName string `json:"zone_name"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	patterns := []string{}
	apiErr = s.accounts.Change(c.Account, func(t *triggers) *api.Error {
		changed := &triggers{Routes: slices.DeleteFunc(slices.Clone(t.Routes), func(r *route) bool {
			return r.Script == script
		})}
		for _, b := range body {
			r, apiErr := newRoute(b.Pattern, script, b.ZoneID, b.ZoneName)
			if apiErr == nil {
				apiErr = changed.taken(r)
			}
			if apiErr != nil {
				return apiErr
			}
			changed.Routes, patterns = append(changed.Routes, r), append(patterns, r.Pattern)
		}
		t.Routes = changed.Routes
		return nil
	})
	return c.ReplyUnless(apiErr, patterns)
}

// routesList returns the routes of a zone.
func (s *Store) routesList(c *api.Call) *api.Error {
	list := []any{}
	for _, account := range s.accounts.IDs() {
		s.accounts.View(account, func(t *triggers) {
			for _, r := range t.Routes {
				if r.Zone == c.R.PathValue("zone") {
					list = append(list, r.show())
				}
			}
		})
	}
	return api.ReplyPage(c, list, api.Whole)
}

// readRoute reads the route of a request. Its zone is the path's.
func readRoute(c *api.Call) (*route, *api.Error) {
	var body struct {
		Pattern string `json:"pattern"`
		Script  string `json:"script"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return nil, apiErr
	}
	return newRoute(body.Pattern, body.Script, c.R.PathValue("zone"), "")
}

// routeCreate adds a route to a zone. The path has no account, so the route belongs to the account
// of its script.
func (s *Store) routeCreate(c *api.Call) *api.Error {
	r, apiErr := readRoute(c)
	if apiErr != nil {
		return apiErr
	}
	account, apiErr := s.accountOf(r)
	if apiErr != nil {
		return apiErr
	}
	apiErr = s.accounts.Change(account, func(t *triggers) *api.Error {
		if apiErr := t.taken(r); apiErr != nil {
			return apiErr
		}
		t.Routes = append(t.Routes, r)
		return nil
	})
	if apiErr != nil {
		return apiErr
	}
	return c.Reply(r.show())
}

// accountOf returns the account that a route belongs to: that of its script, or the first one.
func (s *Store) accountOf(r *route) (string, *api.Error) {
	for _, account := range s.scripts.Accounts() {
		if r.Script == "" || s.scripts.Has(account, r.Script) {
			return account, nil
		}
	}
	return "", api.Failure(http.StatusNotFound, 10007, "This Worker does not exist on your account.")
}

// find returns the route that the path names, and its account.
func (s *Store) find(c *api.Call) (account string, found *route, apiErr *api.Error) {
	zone, id := c.R.PathValue("zone"), c.R.PathValue("route")
	for _, account := range s.accounts.IDs() {
		s.accounts.View(account, func(t *triggers) {
			if i := slices.IndexFunc(t.Routes, func(r *route) bool { return r.Zone == zone && r.ID == id }); i >= 0 {
				found = t.Routes[i]
			}
		})
		if found != nil {
			return account, found, nil
		}
	}
	return "", nil, api.Failure(http.StatusNotFound, 10009, "The route does not exist.")
}

func (s *Store) routeGet(c *api.Call) *api.Error {
	_, r, apiErr := s.find(c)
	if apiErr != nil {
		return apiErr
	}
	return c.Reply(r.show())
}

func (s *Store) routeUpdate(c *api.Call) *api.Error {
	account, old, apiErr := s.find(c)
	if apiErr != nil {
		return apiErr
	}
	r, apiErr := readRoute(c)
	if apiErr != nil {
		return apiErr
	}
	r.ID = old.ID
	apiErr = s.accounts.Change(account, func(t *triggers) *api.Error {
		if apiErr := t.taken(r); apiErr != nil {
			return apiErr
		}
		t.Routes = append(t.without(old), r)
		return nil
	})
	if apiErr != nil {
		return apiErr
	}
	return c.Reply(r.show())
}

func (s *Store) routeDelete(c *api.Call) *api.Error {
	account, old, apiErr := s.find(c)
	if apiErr != nil {
		return apiErr
	}
	apiErr = s.accounts.Change(account, func(t *triggers) *api.Error { t.Routes = t.without(old); return nil })
	if apiErr != nil {
		return apiErr
	}
	return c.Reply(map[string]any{"id": old.ID})
}

func (t *triggers) without(old *route) []*route {
	return slices.DeleteFunc(slices.Clone(t.Routes), func(r *route) bool { return r == old })
}

package triggers

import (
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// domain is a custom domain: a host that a script serves. It is immutable once it is stored.
type domain struct {
	ID          string `json:"id"`
	Hostname    string `json:"hostname"`
	Service     string `json:"service"` // the script
	Environment string `json:"environment"`
	ZoneID      string `json:"zone_id"`
	ZoneName    string `json:"zone_name"`
	CertID      string `json:"cert_id"` // there is no certificate
	Enabled     bool   `json:"enabled"`
	Previews    bool   `json:"previews_enabled"`
}

// wanted is a domain as a client requests it.
type wanted struct {
	Hostname    string `json:"hostname"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	ZoneID      string `json:"zone_id"`
	ZoneName    string `json:"zone_name"`
	Enabled     *bool  `json:"enabled"`
	Previews    bool   `json:"previews_enabled"`
}

// domain returns the domain for a script.
func (w *wanted) domain(script string) (*domain, *api.Error) {
	z, apiErr := zoneFor(w.ZoneID, w.ZoneName, w.Hostname)
	if apiErr != nil {
		return nil, apiErr
	}
	d := &domain{
		ID: api.NewID(), Hostname: w.Hostname, Service: script, Environment: "production", ZoneID: z.id, ZoneName: z.name,
		CertID: api.NewUUID(), Enabled: w.Enabled == nil || *w.Enabled, Previews: w.Previews,
	}
	if w.Environment != "" {
		d.Environment = w.Environment
	}
	return d, nil
}

// domainsOf reads the domains of a script from a request.
func domainsOf(script string, list []wanted) ([]*domain, *api.Error) {
	domains := []*domain{}
	for i := range list {
		d, apiErr := list[i].domain(script)
		if apiErr != nil {
			return nil, apiErr
		}
		domains = append(domains, d)
	}
	return domains, nil
}

// named returns the domain with a host, or nil.
func (t *triggers) named(host string) *domain {
	i := slices.IndexFunc(t.Domains, func(d *domain) bool { return d.Hostname == host })
	if i < 0 {
		return nil
	}
	return t.Domains[i]
}

// add adds a domain, or replaces that of the same host, which keeps its id.
func (t *triggers) add(d *domain) {
	if old := t.named(d.Hostname); old != nil {
		d.ID, d.CertID = old.ID, old.CertID
		t.Domains = slices.DeleteFunc(t.Domains, func(o *domain) bool { return o == old })
	}
	t.Domains = append(t.Domains, d)
}

// changed is an existing domain. Modified says whether a deploy would change it.
type changed struct {
	*domain
	Modified bool `json:"modified"`
}

// domainsChangeset returns what a deploy of domains would change.
func (s *Store) domainsChangeset(c *api.Call) *api.Error {
	script, apiErr := s.script(c)
	if apiErr != nil {
		return apiErr
	}
	var body []wanted
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	domains, apiErr := domainsOf(script, body)
	if apiErr != nil {
		return apiErr
	}
	added, updated, removed := []*domain{}, []changed{}, []*domain{}
	s.accounts.View(c.Account, func(t *triggers) {
		for _, d := range domains {
			old := t.named(d.Hostname)
			if old == nil {
				added = append(added, d)
				continue
			}
			d.ID = old.ID
			modified := old.Service != script || old.Enabled != d.Enabled || old.Previews != d.Previews
			updated = append(updated, changed{d, modified})
		}
		if c.R.URL.Query().Get("replace_state") == "true" {
			removed = append(removed, t.others(script, domains)...)
		}
	})
	return c.Reply(map[string]any{"added": added, "updated": updated, "removed": removed, "conflicting": []any{}})
}

// others returns the domains of a script that are not in a list.
func (t *triggers) others(script string, list []*domain) []*domain {
	var others []*domain
	for _, d := range t.Domains {
		if d.Service == script && !slices.ContainsFunc(list, func(l *domain) bool { return l.Hostname == d.Hostname }) {
			others = append(others, d)
		}
	}
	return others
}

// scriptDomainsPut replaces the domains of a script.
func (s *Store) scriptDomainsPut(c *api.Call) *api.Error {
	script, apiErr := s.script(c)
	if apiErr != nil {
		return apiErr
	}
	var body struct {
		Override bool     `json:"override_existing_origin"`
		Origins  []wanted `json:"origins"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	domains, apiErr := domainsOf(script, body.Origins)
	if apiErr != nil {
		return apiErr
	}
	apiErr = s.accounts.Change(c.Account, func(t *triggers) *api.Error {
		for _, d := range domains {
			if old := t.named(d.Hostname); old != nil && old.Service != script && !body.Override {
				return api.Failure(http.StatusConflict, 100117, "Hostname %q already belongs to the Worker %q.", d.Hostname,
					old.Service)
			}
		}
		gone := t.others(script, domains)
		t.Domains = slices.DeleteFunc(t.Domains, func(d *domain) bool { return slices.Contains(gone, d) })
		for _, d := range domains {
			t.add(d)
		}
		return nil
	})
	return c.ReplyUnless(apiErr, domains)
}

// domainsList returns the domains that match the query.
func (s *Store) domainsList(c *api.Call) *api.Error {
	q := c.R.URL.Query()
	list := []*domain{}
	s.accounts.View(c.Account, func(t *triggers) {
		for _, d := range t.Domains {
			matches := true
			for name, value := range map[string]string{
				"hostname": d.Hostname, "service": d.Service, "environment": d.Environment, "zone_id": d.ZoneID,
				"zone_name": d.ZoneName,
			} {
				matches = matches && (q.Get(name) == "" || q.Get(name) == value)
			}
			if matches {
				list = append(list, d)
			}
		}
	})
	return api.ReplyPage(c, list, api.Whole)
}

// domainAttach gives a host to a script.
func (s *Store) domainAttach(c *api.Call) *api.Error {
	var body wanted
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	if apiErr := s.checkScript(c.Account, body.Service); apiErr != nil {
		return apiErr
	}
	d, apiErr := body.domain(body.Service)
	if apiErr != nil {
		return apiErr
	}
	if apiErr := s.accounts.Change(c.Account, func(t *triggers) *api.Error { t.add(d); return nil }); apiErr != nil {
		return apiErr
	}
	return c.Reply(d)
}

func (s *Store) domainGet(c *api.Call) *api.Error {
	var found *domain
	s.accounts.View(c.Account, func(t *triggers) { found = t.domain(c.R.PathValue("domain")) })
	if found == nil {
		return errNoDomain
	}
	return c.Reply(found)
}

func (s *Store) domainDetach(c *api.Call) *api.Error {
	apiErr := s.accounts.Change(c.Account, func(t *triggers) *api.Error {
		found := t.domain(c.R.PathValue("domain"))
		if found == nil {
			return errNoDomain
		}
		t.Domains = slices.DeleteFunc(t.Domains, func(d *domain) bool { return d == found })
		return nil
	})
	return c.ReplyUnless(apiErr, map[string]any{})
}

var errNoDomain = api.Failure(http.StatusNotFound, 100114, "The domain does not exist.")

// domain returns the domain with an id, or nil.
func (t *triggers) domain(id string) *domain {
	i := slices.IndexFunc(t.Domains, func(d *domain) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return t.Domains[i]
}

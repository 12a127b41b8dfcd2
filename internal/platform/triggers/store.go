package triggers

import (
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/stored"
)

// Store has the triggers of all accounts. Its methods are safe for concurrent use.
type Store struct {
	scripts  Scripts
	accounts *stored.Accounts[triggers]
}

// Scripts are the scripts that triggers call.
type Scripts interface {
	// Has reports whether an account has a script.
	Has(account, script string) bool
	// Accounts returns the accounts, in order.
	Accounts() []string
}

// triggers are the triggers of one account.
type triggers struct {
	Crons   map[string][]cron `json:"crons,omitempty"` // by script
	Routes  []*route          `json:"routes,omitempty"`
	Domains []*domain         `json:"domains,omitempty"`
}

// Open reads the triggers that are stored in a folder.
func Open(dir string, scripts Scripts) (*Store, error) {
	accounts, err := stored.OpenAccounts[triggers](dir, "triggers.json")
	return &Store{scripts: scripts, accounts: accounts}, err
}

// Routes returns the routes of the API.
func (s *Store) Routes() []api.Route {
	const (
		workers = "/accounts/{account}/workers"
		script  = workers + "/scripts/{script}"
		zones   = "/zones"
		routes  = zones + "/{zone}/workers/routes"
		domains = workers + "/domains"
	)
	return []api.Route{
		api.On("GET "+script+"/schedules", "workers.schedules.get", api.WorkersRead, s.cronsGet),
		api.On("PUT "+script+"/schedules", "workers.schedules.put", api.WorkersWrite, s.cronsPut),

		api.On("PUT "+script+"/routes", "workers.script-routes.put", api.WorkersWrite, s.scriptRoutesPut),
		api.On("GET "+zones, "zones.list", "", s.zonesList),
		api.On("GET "+zones+"/{zone}", "zones.get", "", s.zoneGet),
		api.On("GET "+routes, "workers.routes.list", api.WorkersRead, s.routesList),
		api.On("POST "+routes, "workers.routes.create", api.WorkersWrite, s.routeCreate),
		api.On("GET "+routes+"/{route}", "workers.routes.get", api.WorkersRead, s.routeGet),
		api.On("PUT "+routes+"/{route}", "workers.routes.update", api.WorkersWrite, s.routeUpdate),
		api.On("DELETE "+routes+"/{route}", "workers.routes.delete", api.WorkersWrite, s.routeDelete),

		api.On("POST "+script+"/domains/changeset", "workers.domains.changeset", api.WorkersRead, s.domainsChangeset),
		api.On("PUT "+script+"/domains/records", "workers.domains.put", api.WorkersWrite, s.scriptDomainsPut),
		api.On("GET "+domains, "workers.domains.list", api.WorkersRead, s.domainsList),
		api.On("GET "+domains+"/records", "workers.domains.list", api.WorkersRead, s.domainsList),
		api.On("PUT "+domains, "workers.domains.attach", api.WorkersWrite, s.domainAttach),
		api.On("GET "+domains+"/{domain}", "workers.domains.get", api.WorkersRead, s.domainGet),
		api.On("GET "+domains+"/records/{domain}", "workers.domains.get", api.WorkersRead, s.domainGet),
		api.On("DELETE "+domains+"/{domain}", "workers.domains.detach", api.WorkersWrite, s.domainDetach),
	}
}

// Forget removes the triggers of a deleted script.
func (s *Store) Forget(account, script string) *api.Error {
	return s.accounts.Change(account, func(t *triggers) *api.Error {
		delete(t.Crons, script)
		t.Routes = slices.DeleteFunc(t.Routes, func(r *route) bool { return r.Script == script })
		t.Domains = slices.DeleteFunc(t.Domains, func(d *domain) bool { return d.Service == script })
		return nil
	})
}

// script returns the script that the path names.
func (s *Store) script(c *api.Call) (string, *api.Error) {
	script := c.R.PathValue("script")
	return script, s.checkScript(c.Account, script)
}

func (s *Store) checkScript(account, script string) *api.Error {
	if !s.scripts.Has(account, script) {
		return api.Failure(http.StatusNotFound, 10007, "This Worker does not exist on your account.")
	}
	return nil
}

package scripts

import (
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// A change of secrets or settings makes a version: a copy of the newest version, with other
// bindings or settings. Either it is deployed at once, or it waits for a deployment.

// undeployed is the refusal of a change if the newest version is not deployed. The changed version
// has the code of the newest one, so the change would deploy code that nobody deployed.
type undeployed struct {
	code    int
	message string
}

var (
	undeployedSecret = undeployed{10215, "Secret edit failed. You attempted to modify a secret, but the latest version " +
		"of your Worker isn't currently deployed."}
	undeployedSettings = undeployed{10214, "Script edit failed. You attempted to deploy the latest version with " +
		"modified settings, but the latest version isn't currently deployed. Either upload a new version to edit the " +
		"version settings, or use the script-level settings API (/workers/scripts/{script_name}/script-settings)."}
)

// latestIsDeployed reports whether the newest version has all the traffic.
func (sc *Script) latestIsDeployed() bool {
	d, latest := sc.Active(), sc.latest()
	return d != nil && latest != nil && len(d.Versions) == 1 && d.Versions[0].Version == latest.ID
}

// changed returns a copy of the newest version, to be changed and added.
func (sc *Script) changed(r *http.Request, trigger string) *Version {
	v := *sc.latest()
	v.ID, v.Created, v.Source, v.Bindings = api.NewUUID(), api.Now(), source(r), slices.Clone(v.Bindings)
	v.Annotations = map[string]string{"workers/triggered_by": trigger}
	return &v
}

// deployChange deploys a copy of the newest version that change has modified. If the
// newest version is not the deployed one, it returns the refusal. result returns the result of the response.
func (s *Store) deployChange(c *api.Call, refusal undeployed, change func(*Script, *Version) *api.Error,
	result func(*Script, *Version) any) *api.Error {
	var answer any
	apiErr := s.withScript(c, func(sc *Script) *api.Error {
		if !sc.latestIsDeployed() {
			return api.Failure(http.StatusBadRequest, refusal.code, "%s", refusal.message)
		}
		v := sc.changed(c.R, "secret")
		if apiErr := change(sc, v); apiErr != nil {
			return apiErr
		}
		sc.addVersion(v)
		sc.deploy([]Share{{v.ID, 100}}, v.Source, map[string]string{"workers/triggered_by": "secret"})
		answer = result(sc, v)
		return s.save(c.Account, sc)
	})
	if apiErr != nil {
		return apiErr
	}
	s.activate(c)
	return c.Reply(answer)
}

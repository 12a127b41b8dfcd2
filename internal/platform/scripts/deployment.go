package scripts

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// deploy adds a deployment, which becomes the active one. s.mu is held.
func (sc *Script) deploy(versions []Share, source string, annotations map[string]string) *Deployment {
	maps.DeleteFunc(annotations, func(_, v string) bool { return v == "" })
	d := &Deployment{
		ID: api.NewUUID(), Created: api.Now(), Source: source, Strategy: "percentage",
		Author: api.UserEmail, Annotations: annotations, Versions: versions,
	}
	sc.Deployments = append(sc.Deployments, d)
	sc.Modified = d.Created
	return d
}

// deploymentCreate is the switch: after its response, new requests get the new versions.
func (s *Store) deploymentCreate(c *api.Call) *api.Error {
	var body struct {
		Strategy    string            `json:"strategy"`
		Versions    []Share           `json:"versions"`
		Annotations map[string]string `json:"annotations"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	if body.Strategy != "percentage" {
		return api.Failure(http.StatusBadRequest, 10021, "strategy must be \"percentage\"")
	}
	if apiErr := checkAnnotations(body.Annotations); apiErr != nil {
		return apiErr
	}
	var d *Deployment
	var dropped []string
	apiErr := s.withScript(c, func(sc *Script) *api.Error {
		if apiErr := sc.deployable(body.Versions, c.R.URL.Query().Get("force") == "true"); apiErr != nil {
			return apiErr
		}
		if v := sc.Version(body.Versions[0].Version); v.Exports != nil {
			var apiErr *api.Error
			if dropped, apiErr = s.reconcileDeployment(s.account(c.Account), sc, v); apiErr != nil {
				return apiErr
			}
		}
		annotations := map[string]string{"workers/triggered_by": "deployment"}
		maps.Copy(annotations, body.Annotations)
		d = sc.deploy(body.Versions, source(c.R), annotations)
		return s.save(c.Account, sc)
	})
	if apiErr != nil {
		return apiErr
	}
	s.activate(c)
	if apiErr := s.dropObjects(c.Account, dropped); apiErr != nil {
		return apiErr
	}
	return c.Reply(d)
}

// deployable refuses a set of versions that cannot be activated.
func (sc *Script) deployable(versions []Share, force bool) *api.Error {
	if len(versions) < 1 || len(versions) > 2 {
		return api.Failure(http.StatusBadRequest, 10021, "a deployment has one or two versions, not %d", len(versions))
	}
	sum := 0.0
	oldest := max(0, len(sc.Versions)-maxListed)
	for i, s := range versions {
		v := sc.Version(s.Version)
		switch {
		case v == nil:
			return errNoVersion()
		case slices.Index(sc.Versions, v) < oldest:
			return api.Failure(http.StatusBadRequest, 10212, "Version %q is not among the newest %d and cannot be deployed",
				s.Version, maxListed)
		case v.Migration != sc.Migration || v.Lifecycle != sc.Lifecycle:
			return api.Failure(http.StatusBadRequest, 10211,
				"Version %q was made before the newest change of Durable Object classes and cannot be deployed", s.Version)
		case i > 0 && !maps.Equal(v.Exports, sc.Version(versions[0].Version).Exports):
			return api.Failure(http.StatusBadRequest, 100405, "The versions of a deployment must have the same exports")
		case s.Percentage < 0 || s.Percentage > 100 || math.IsNaN(s.Percentage):
			return api.Failure(http.StatusBadRequest, 10021, "a percentage must be between 0 and 100")
		case i > 0 && s.Version == versions[0].Version:
			return api.Failure(http.StatusBadRequest, 10021, "version %q is given twice", s.Version)
		}
		if names := sc.secretsChangedSince(v); len(names) > 0 && !force {
			return api.Failure(http.StatusBadRequest, 10220, "A secret has changed since this version was active. If you "+
				"are sure this is ok, add a ?force=true query parameter to allow the rollback. The following secrets have "+
				"changed: %s", strings.Join(names, ", "))
		}
		sum += s.Percentage
	}
	if math.Abs(sum-100) > 0.001 {
		return api.Failure(http.StatusBadRequest, 10021, "the percentages add up to %g, not to 100", sum)
	}
	return nil
}

// secretsChangedSince returns the names of the secrets in which v differs from the active
// version, if v is older than that.
func (sc *Script) secretsChangedSince(v *Version) []string {
	current := sc.activeVersion()
	if current == nil || v.Number >= current.Number {
		return nil
	}
	return changedSecrets(v, current)
}

// maxDeployments is the number of deployments that are kept and listed.
const maxDeployments = 100

func (s *Store) deploymentsList(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		list := slices.Clone(sc.Deployments[max(0, len(sc.Deployments)-maxDeployments):])
		slices.Reverse(list)
		return c.Reply(map[string]any{"deployments": api.OrEmpty(list)})
	})
}

func (s *Store) deploymentGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		for _, d := range sc.Deployments {
			if d.ID == c.R.PathValue("deployment") {
				return c.Reply(d)
			}
		}
		return api.Failure(http.StatusNotFound, 10336, "Deployment %q was not found.", c.R.PathValue("deployment"))
	})
}

package platform

import (
	"maps"
	"math"
	"net/http"
	"slices"
)

// deploy adds a deployment, which becomes the active one. s.mu is held.
func (sc *script) deploy(versions []share, source string, annotations map[string]string) *deployment {
	maps.DeleteFunc(annotations, func(_, v string) bool { return v == "" })
	d := &deployment{
		ID: newUUID(), Created: now(), Source: source, Strategy: "percentage",
		Author: userEmail, Annotations: annotations, Versions: versions,
	}
	sc.Deployments = append(sc.Deployments, d)
	sc.Modified = d.Created
	return d
}

// deploymentCreate is the switch: after its response, new requests get the new versions.
func (c *call) deploymentCreate() *apiError {
	var body struct {
		Strategy    string            `json:"strategy"`
		Versions    []share           `json:"versions"`
		Annotations map[string]string `json:"annotations"`
	}
	if apiErr := c.decode(&body); apiErr != nil {
		return apiErr
	}
	if body.Strategy != "percentage" {
		return failure(http.StatusBadRequest, 10021, "strategy must be \"percentage\"")
	}
	var d *deployment
	apiErr := c.withScript(func(sc *script) *apiError {
		if apiErr := sc.deployable(body.Versions, c.r.URL.Query().Get("force") == "true"); apiErr != nil {
			return apiErr
		}
		annotations := map[string]string{"workers/triggered_by": "deployment"}
		maps.Copy(annotations, body.Annotations)
		d = sc.deploy(body.Versions, source(c.r), annotations)
		return c.s.save(c.account, sc)
	})
	if apiErr != nil {
		return apiErr
	}
	c.s.workers.activate(c.ctx, c.account)
	return c.reply(d)
}

// deployable refuses a set of versions that cannot be activated.
func (sc *script) deployable(versions []share, force bool) *apiError {
	if len(versions) < 1 || len(versions) > 2 {
		return failure(http.StatusBadRequest, 10021, "a deployment has one or two versions, not %d", len(versions))
	}
	sum := 0.0
	oldest := max(0, len(sc.Versions)-maxListed)
	for i, s := range versions {
		v := sc.version(s.Version)
		switch {
		case v == nil:
			return failure(http.StatusNotFound, 10146, "Version %q was not found.", s.Version)
		case slices.Index(sc.Versions, v) < oldest:
			return failure(http.StatusBadRequest, 10212, "Version %q is not among the newest %d and cannot be deployed",
				s.Version, maxListed)
		case v.Migration != sc.Migration:
			return failure(http.StatusBadRequest, 10211,
				"Version %q was made before the Durable Object migration %q and cannot be deployed", s.Version, sc.Migration)
		case s.Percentage < 0 || s.Percentage > 100 || math.IsNaN(s.Percentage):
			return failure(http.StatusBadRequest, 10021, "a percentage must be between 0 and 100")
		case i > 0 && s.Version == versions[0].Version:
			return failure(http.StatusBadRequest, 10021, "version %q is given twice", s.Version)
		case !force && sc.secretsChangedSince(v):
			return failure(http.StatusBadRequest, 10220,
				"A secret has changed since version %q was active; repeat with force=true to deploy it anyway", s.Version)
		}
		sum += s.Percentage
	}
	if math.Abs(sum-100) > 0.001 {
		return failure(http.StatusBadRequest, 10021, "the percentages add up to %g, not to 100", sum)
	}
	return nil
}

// secretsChangedSince reports whether v is older than the active version and has different
// secrets.
func (sc *script) secretsChangedSince(v *version) bool {
	current := sc.activeVersion()
	return current != nil && v.Number < current.Number && !maps.Equal(v.secrets(), current.secrets())
}

// maxDeployments is the number of deployments that are kept and listed.
const maxDeployments = 100

func (c *call) deploymentsList() *apiError {
	return c.withScript(func(sc *script) *apiError {
		list := slices.Clone(sc.Deployments[max(0, len(sc.Deployments)-maxDeployments):])
		slices.Reverse(list)
		return c.reply(map[string]any{"deployments": orEmpty(list)})
	})
}

func (c *call) deploymentGet() *apiError {
	return c.withScript(func(sc *script) *apiError {
		for _, d := range sc.Deployments {
			if d.ID == c.r.PathValue("deployment") {
				return c.reply(d)
			}
		}
		return failure(http.StatusNotFound, 10007, "Deployment %q was not found.", c.r.PathValue("deployment"))
	})
}

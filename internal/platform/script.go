package platform

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"time"
)

// script is a Worker: its versions, its deployments, and the settings that do not belong to a
// version. Server.mu guards it.
type script struct {
	Name        string                     `json:"name"`
	Tag         string                     `json:"tag"`
	Created     time.Time                  `json:"created"`
	Modified    time.Time                  `json:"modified"`
	Versions    []*version                 `json:"versions"`    // oldest first
	Deployments []*deployment              `json:"deployments"` // oldest first
	Migration   string                     `json:"migration,omitempty"`
	Classes     map[string]class           `json:"durable_objects,omitempty"`
	Settings    map[string]json.RawMessage `json:"settings,omitempty"`
	Enabled     bool                       `json:"enabled"`  // under workers.dev
	Previews    bool                       `json:"previews"` // versions have addresses under workers.dev
	Port        int                        `json:"port,omitempty"`
}

// version is one upload: code, bindings and runtime settings. It is immutable.
type version struct {
	ID          string                     `json:"id"`
	Number      int                        `json:"number"`
	Created     time.Time                  `json:"created"`
	Source      string                     `json:"source"`
	Annotations map[string]string          `json:"annotations,omitempty"`
	Main        string                     `json:"main,omitempty"`
	Modules     []module                   `json:"modules,omitempty"`
	Bindings    []binding                  `json:"bindings,omitempty"`
	Date        string                     `json:"date,omitempty"`
	Flags       []string                   `json:"flags,omitempty"`
	Migration   string                     `json:"migration,omitempty"`
	Assets      *assetSet                  `json:"assets,omitempty"`
	Runtime     map[string]json.RawMessage `json:"runtime,omitempty"` // limits, placement, …
	Etag        string                     `json:"etag"`
}

// module is one module of a version. Its bytes are in a file with their hash as name.
type module struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Hash string `json:"hash"`
	Size int    `json:"size"`
}

// deployment is one activation.
type deployment struct {
	ID          string            `json:"id"`
	Created     time.Time         `json:"created_on"`
	Source      string            `json:"source"`
	Strategy    string            `json:"strategy"`
	Author      string            `json:"author_email"`
	Annotations map[string]string `json:"annotations"`
	Versions    []share           `json:"versions"`
}

// share is a version's share of the traffic in percent.
type share struct {
	Version    string  `json:"version_id"`
	Percentage float64 `json:"percentage"`
}

func (sc *script) active() *deployment {
	if len(sc.Deployments) == 0 {
		return nil
	}
	return sc.Deployments[len(sc.Deployments)-1]
}

func (sc *script) latest() *version {
	if len(sc.Versions) == 0 {
		return nil
	}
	return sc.Versions[len(sc.Versions)-1]
}

func (sc *script) version(id string) *version {
	i := slices.IndexFunc(sc.Versions, func(v *version) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return sc.Versions[i]
}

// activeVersion returns the first version of the active deployment, or the latest version if
// there is no deployment.
func (sc *script) activeVersion() *version {
	if d := sc.active(); d != nil {
		return sc.version(d.Versions[0].Version)
	}
	return sc.latest()
}

// save drops old versions and stores the script. s.mu is held.
func (s *Server) save(accountID string, sc *script) *apiError {
	dropped := sc.dropOldVersions()
	if err := writeState(s.accountFile(accountID, "scripts", sc.Name+".json"), sc); err != nil {
		return internalError(err)
	}
	s.removeUnusedModules(dropped)
	return nil
}

var scriptName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$`)

// script returns the script that the path names. s.mu is held.
func (c *call) script() (*script, *apiError) {
	if a := c.s.accounts[c.account]; a != nil {
		if sc := a.scripts[c.r.PathValue("script")]; sc != nil {
			return sc, nil
		}
	}
	return nil, failure(http.StatusNotFound, 10007, "This Worker does not exist on your account.")
}

// withScript runs do on the script that the path names, under s.mu.
func (c *call) withScript(do func(*script) *apiError) *apiError {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	sc, apiErr := c.script()
	if apiErr != nil {
		return apiErr
	}
	return do(sc)
}

func (c *call) scriptsList() *apiError {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	list := []any{}
	if a := c.s.accounts[c.account]; a != nil {
		for _, sc := range a.sortedScripts() {
			list = append(list, scriptJSON(sc))
		}
	}
	return c.replyPage(list, len(list))
}

// scriptJSON returns a script as lists and uploads show it.
func scriptJSON(sc *script) map[string]any {
	v := sc.activeVersion()
	out := map[string]any{
		"id": sc.Name, "tag": sc.Tag, "created_on": sc.Created, "modified_on": sc.Modified,
		"usage_model": "standard", "handlers": []string{"fetch"}, "last_deployed_from": "api",
		"logpush": false, "tail_consumers": nil,
	}
	if v != nil {
		out["etag"], out["compatibility_date"], out["compatibility_flags"] = v.Etag, v.Date, orEmpty(v.Flags)
		out["has_assets"], out["has_modules"] = v.Assets != nil, v.Main != ""
		out["last_deployed_from"] = v.Source
	}
	if sc.Migration != "" {
		out["migration_tag"] = sc.Migration
	}
	for name, value := range sc.Settings {
		out[name] = value
	}
	return out
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// serviceGet handles the first request that wrangler sends in a deploy.
func (c *call) serviceGet() *apiError {
	return c.withScript(func(sc *script) *apiError {
		environment := map[string]any{
			"environment": "production", "created_on": sc.Created, "modified_on": sc.Modified, "script": scriptJSON(sc),
		}
		return c.reply(map[string]any{
			"id": sc.Name, "created_on": sc.Created, "modified_on": sc.Modified,
			"default_environment": environment, "environments": []any{environment},
		})
	})
}

func (c *call) workerGet() *apiError {
	return c.withScript(func(sc *script) *apiError {
		return c.reply(map[string]any{
			"id": sc.Tag, "name": sc.Name, "created_on": sc.Created, "updated_on": sc.Modified,
			"subdomain": map[string]any{"enabled": sc.Enabled, "previews_enabled": sc.Previews},
		})
	})
}

func (c *call) scriptDelete() *apiError {
	c.s.mu.Lock()
	sc, apiErr := c.script()
	if apiErr == nil {
		delete(c.s.accounts[c.account].scripts, sc.Name)
		if err := os.Remove(c.s.accountFile(c.account, "scripts", sc.Name+".json")); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			apiErr = internalError(err)
		}
	}
	c.s.mu.Unlock()
	if apiErr != nil {
		return apiErr
	}
	c.s.workers.remove(c.account, sc.Name)
	if apiErr := c.s.dropObjects(c.account, removedNamespaces(sc.Classes, nil)); apiErr != nil {
		return apiErr
	}
	return c.reply(nil)
}

package scripts

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/stored"
)

// Script is a Worker: its versions, its deployments, and the settings that do not belong to a
// version. Store.mu guards it.
type Script struct {
	Name        string                     `json:"name"`
	Tag         string                     `json:"tag"`
	Created     time.Time                  `json:"created"`
	Modified    time.Time                  `json:"modified"`
	Versions    []*Version                 `json:"versions"`    // oldest first
	Deployments []*Deployment              `json:"deployments"` // oldest first
	Migration   string                     `json:"migration,omitempty"`
	Classes     map[string]Class           `json:"durable_objects,omitempty"`
	Declared    bool                       `json:"declared,omitempty"`  // exports declare the classes
	Pending     map[string]string          `json:"pending,omitempty"`   // class → script that transfers it
	Lifecycle   int                        `json:"lifecycle,omitempty"` // changes of classes by exports
	Settings    map[string]json.RawMessage `json:"settings,omitempty"`
	Enabled     bool                       `json:"enabled"`  // under workers.dev
	Previews    bool                       `json:"previews"` // versions have addresses under workers.dev
	Port        int                        `json:"port,omitempty"`
}

// Version is one upload: code, bindings and runtime settings. Only its Lifecycle changes, when a
// deployment reconciles its exports.
type Version struct {
	ID          string                     `json:"id"`
	Number      int                        `json:"number"`
	Created     time.Time                  `json:"created"`
	Source      string                     `json:"source"`
	Annotations map[string]string          `json:"annotations,omitempty"`
	Main        string                     `json:"main,omitempty"`
	Modules     []Module                   `json:"modules,omitempty"`
	SourceMaps  []Module                   `json:"source_maps,omitempty"`
	Bindings    []Binding                  `json:"bindings,omitempty"`
	Date        string                     `json:"date,omitempty"`
	Flags       []string                   `json:"flags,omitempty"`
	Migration   string                     `json:"migration,omitempty"`
	Exports     map[string]export          `json:"exports,omitempty"`
	Lifecycle   int                        `json:"lifecycle,omitempty"`
	Assets      *AssetSet                  `json:"assets,omitempty"`
	Runtime     map[string]json.RawMessage `json:"runtime,omitempty"` // limits, placement, …
	Etag        string                     `json:"etag"`
}

// files returns the modules and the source maps.
func (v *Version) files() []Module { return slices.Concat(v.Modules, v.SourceMaps) }

// SourceMap returns the source map of a module, or nil.
func (s *Store) SourceMap(v *Version, module string) []byte {
	for _, m := range v.SourceMaps {
		if m.Name == module+".map" {
			content, err := os.ReadFile(s.ModuleFile(m))
			if err == nil {
				return content
			}
		}
	}
	return nil
}

// Module is one module of a version. Its bytes are in a file with their hash as name.
type Module struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Hash string `json:"hash"`
	Size int    `json:"size"`
}

// Deployment is one activation.
type Deployment struct {
	ID          string            `json:"id"`
	Created     time.Time         `json:"created_on"`
	Source      string            `json:"source"`
	Strategy    string            `json:"strategy"`
	Author      string            `json:"author_email"`
	Annotations map[string]string `json:"annotations"`
	Versions    []Share           `json:"versions"`
}

// Share is a version's share of the traffic in percent.
type Share struct {
	Version    string  `json:"version_id"`
	Percentage float64 `json:"percentage"`
}

// Active returns the active deployment, or nil.
func (sc *Script) Active() *Deployment {
	if len(sc.Deployments) == 0 {
		return nil
	}
	return sc.Deployments[len(sc.Deployments)-1]
}

func (sc *Script) latest() *Version {
	if len(sc.Versions) == 0 {
		return nil
	}
	return sc.Versions[len(sc.Versions)-1]
}

// Version returns the version with an id, or nil.
func (sc *Script) Version(id string) *Version {
	i := slices.IndexFunc(sc.Versions, func(v *Version) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return sc.Versions[i]
}

// CacheScope returns a prefix for the keys of a version's cached responses. It is "" for a
// version without Workers Caching.
func (v *Version) CacheScope(account, script string) string {
	var options struct {
		Enabled bool `json:"enabled"`
		Cross   bool `json:"cross_version_cache"`
	}
	if json.Unmarshal(v.Runtime["cache_options"], &options) != nil || !options.Enabled || v.Main == "" || v.Assets != nil {
		return ""
	}
	if options.Cross {
		return account + "/" + script
	}
	return account + "/" + script + "/" + v.ID
}

// activeVersion returns the first version of the active deployment, or the latest version if
// there is no deployment.
func (sc *Script) activeVersion() *Version {
	if d := sc.Active(); d != nil {
		return sc.Version(d.Versions[0].Version)
	}
	return sc.latest()
}

// save drops old versions and stores the script. If that fails, the script is again what is stored:
// nobody sees a change that the next start would not find. s.mu is held.
func (s *Store) save(accountID string, sc *Script) *api.Error {
	dropped := sc.dropOldVersions()
	file := s.accountFile(accountID, "scripts", sc.Name+".json")
	if err := stored.Write(file, sc); err != nil {
		before := Script{Name: sc.Name}
		err = errors.Join(err, stored.Read(file, &before))
		*sc = before
		return api.Internal(err)
	}
	s.removeUnusedModules(dropped)
	return nil
}

var scriptName = regexp.MustCompile(`^[a-z0-9_][a-z0-9_-]{0,62}$`)

// script returns the script that the path names. s.mu is held.
func (s *Store) script(c *api.Call) (*Script, *api.Error) {
	if a := s.accounts[c.Account]; a != nil {
		if sc := a.Scripts[c.R.PathValue("script")]; sc != nil {
			return sc, nil
		}
	}
	return nil, api.Failure(http.StatusNotFound, 10007, "This Worker does not exist on your account.")
}

// withScript runs do on the script that the path names, under s.mu.
func (s *Store) withScript(c *api.Call, do func(*Script) *api.Error) *api.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc, apiErr := s.script(c)
	if apiErr != nil {
		return apiErr
	}
	return do(sc)
}

func (s *Store) scriptsList(c *api.Call) *api.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	if a := s.accounts[c.Account]; a != nil {
		for _, sc := range a.Sorted() {
			list = append(list, scriptJSON(sc))
		}
	}
	return api.ReplyPage(c, list, api.Whole)
}

// scriptJSON returns a script as lists and uploads show it.
func scriptJSON(sc *Script) map[string]any {
	v := sc.activeVersion()
	out := map[string]any{
		"id": sc.Name, "tag": sc.Tag, "created_on": sc.Created, "modified_on": sc.Modified,
		"usage_model": "standard", "handlers": []string{"fetch"}, "last_deployed_from": "api",
		"logpush": false, "tail_consumers": nil,
	}
	if v != nil {
		out["etag"], out["compatibility_date"], out["compatibility_flags"] = v.Etag, v.Date, api.OrEmpty(v.Flags)
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

// serviceGet handles the first request that wrangler sends in a deploy.
func (s *Store) serviceGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		environment := map[string]any{
			"environment": "production", "created_on": sc.Created, "modified_on": sc.Modified, "script": scriptJSON(sc),
		}
		return c.Reply(map[string]any{
			"id": sc.Name, "created_on": sc.Created, "modified_on": sc.Modified,
			"default_environment": environment, "environments": []any{environment},
		})
	})
}

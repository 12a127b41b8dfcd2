package scripts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

// runtimeMembers are members of the metadata that belong to a version. The API returns them in
// script_runtime.
var runtimeMembers = []string{"limits", "placement", "usage_model", "cache_options"}

// settingsMembers are members of the metadata that belong to the script and not to a version.
var settingsMembers = []string{"tags", "logpush", "observability", "tail_consumers"}

// newVersion returns the version of an upload. It does not add the version to the script. s.mu
// is held.
func (s *Store) newVersion(c *api.Call, sc *Script, up *upload) (*Version, *api.Error) {
	a := s.account(c.Account)
	bindings, apiErr := sc.resolveBindings(up.metadata.Bindings, up.metadata.Keep,
		c.R.URL.Query().Get("bindings_inherit") == "strict")
	if apiErr != nil {
		return nil, apiErr
	}
	if apiErr := s.checkBindings(a, sc, bindings); apiErr != nil {
		return nil, apiErr
	}
	s.explain(c, sc, bindings)
	assets, apiErr := s.versionAssets(c, sc, up)
	if apiErr != nil {
		return nil, apiErr
	}
	if up.metadata.MainModule == "" && assets == nil {
		return nil, api.Failure(http.StatusBadRequest, 10021, "the upload has neither a main_module nor assets")
	}
	v := &Version{
		ID: api.NewUUID(), Created: api.Now(), Source: source(c.R), Annotations: up.metadata.Annotations,
		Main: up.metadata.MainModule, Modules: up.modules, SourceMaps: up.maps,
		Bindings: bindings,
		Date:     up.metadata.Date, Flags: up.metadata.Flags, Migration: sc.Migration, Lifecycle: sc.Lifecycle,
		Assets:  assets,
		Runtime: map[string]json.RawMessage{}, Etag: up.etag(),
	}
	if v.Date == "" {
		v.Date = "2021-11-02" // Cloudflare's default
	}
	for _, name := range runtimeMembers {
		if raw, ok := up.metadata.all[name]; ok {
			v.Runtime[name] = raw
		}
	}
	return v, nil
}

// annotate records which kind of request created the version.
func (up *upload) annotate(trigger string) {
	if up.metadata.Annotations == nil {
		up.metadata.Annotations = map[string]string{}
	}
	up.metadata.Annotations["workers/triggered_by"] = trigger
}

func (up *upload) etag() string {
	h := sha256.New()
	for _, m := range up.modules {
		io.WriteString(h, m.Name+"\x00"+m.Type+"\x00"+m.Hash+"\x00") //nolint:errcheck // a hash accepts every write
	}
	return hex.EncodeToString(h.Sum(nil))
}

func source(r *http.Request) string {
	if strings.HasPrefix(r.UserAgent(), "wrangler") {
		return "wrangler"
	}
	return "api"
}

// checkStart refuses a draft whose version fails to start, if Options.CheckScripts is set. The
// caller must not hold s.mu, because checkStart starts a process.
func (s *Store) checkStart(c *api.Call, d *Draft) *api.Error {
	if !s.options.CheckScripts || d.Added.Main == "" {
		return nil
	}
	if err := s.runtime.Available(); err != nil {
		// Deploys work without workerd. A visitor of the site gets the error.
		s.options.Log("%s is not checked: %v", d.Name, err)
		return nil
	}
	warnings, err := s.runtime.Check(c.R.Context(), c.Account, d)
	var refused *workerd.ConfigError
	if errors.As(err, &refused) {
		return api.Failure(http.StatusBadRequest, 10021, "%s", refused.Output)
	}
	for _, m := range missingClass.FindAllStringSubmatch(warnings, -1) {
		missing, defined := d.Classes[m[1]]
		if !defined {
			continue
		}
		if d.Declared {
			return errReconciliation(exportDetail{Class: m[1], Scenario: "config_export_not_in_code",
				Message: "the class is declared in exports, but the code does not export it"})
		}
		if d.Before[m[1]] == missing {
			return api.Failure(http.StatusBadRequest, 10064, "New version of script does not export class %q which is depended "+
				"on by existing Durable Objects; delete or rename it by a migration", m[1])
		}
		return api.Failure(http.StatusBadRequest, 10070,
			"Cannot apply a migration to class %q that is not exported by script", m[1])
	}
	return api.Internal(err)
}

// missingClass matches workerd's warning that the Worker does not export a class that a
// migration names. Cloudflare refuses such a Worker.
var missingClass = regexp.MustCompile(`referenced the class "([^"]+)", but no such Durable Object class is exported`)

// addVersion adds a checked version to its script. s.mu is held.
func (sc *Script) addVersion(v *Version) {
	v.Number = 1
	if last := sc.latest(); last != nil {
		v.Number = last.Number + 1
	}
	sc.Versions = append(sc.Versions, v)
	sc.Modified = v.Created
}

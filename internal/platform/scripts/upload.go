package scripts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

// maxUpload limits a script upload: 64 MiB of modules, and the rest of the form.
const maxUpload = 66 << 20

// upload is the body of a script or version upload.
type upload struct {
	metadata uploadMetadata
	modules  []Module
}

type uploadMetadata struct {
	MainModule  string            `json:"main_module"`
	BodyPart    string            `json:"body_part"`
	Bindings    []Binding         `json:"bindings"`
	Keep        []string          `json:"keep_bindings"`
	Date        string            `json:"compatibility_date"`
	Flags       []string          `json:"compatibility_flags"`
	Migrations  *migrations       `json:"migrations"`
	Annotations map[string]string `json:"annotations"`
	Assets      *uploadedAssets   `json:"assets"`
	KeepAssets  bool              `json:"keep_assets"`

	// all has every member of the metadata, also those without a field.
	all map[string]json.RawMessage
}

// readUpload reads a multipart upload and stores its modules. If the upload is refused later,
// the stored modules are unused.
func (s *Store) readUpload(c *api.Call) (*upload, *api.Error) {
	c.R.Body = http.MaxBytesReader(c.W, c.R.Body, maxUpload)
	form, err := c.R.MultipartReader()
	if err != nil {
		return nil, api.Failure(http.StatusBadRequest, 10026, "the upload must be multipart/form-data: %v", err)
	}
	up := &upload{}
	seen := map[string]bool{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, api.ReadFailure(0, err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, api.ReadFailure(0, err)
		}
		name := part.FormName()
		if seen[name] {
			return nil, api.Failure(http.StatusBadRequest, 10021, "the part %q is given twice", name)
		}
		seen[name] = true
		if name == "metadata" || name == "settings" {
			if err := errors.Join(json.Unmarshal(content, &up.metadata), json.Unmarshal(content, &up.metadata.all)); err != nil {
				return nil, api.Failure(http.StatusBadRequest, 10026, "could not parse the %s: %v", name, err)
			}
			continue
		}
		m, apiErr := s.storeModule(name, part.Header.Get("Content-Type"), content)
		if apiErr != nil {
			return nil, apiErr
		}
		if m.Type != "application/source-map" {
			up.modules = append(up.modules, m)
		}
	}
	if !seen["metadata"] && !seen["settings"] {
		return nil, api.Failure(http.StatusBadRequest, 10021, "the upload has no metadata part")
	}
	return up, up.check()
}

// moduleTypes are the content types of modules that the API accepts.
var moduleTypes = map[string]bool{
	"application/javascript+module": true,
	"application/javascript":        true,
	"application/wasm":              true,
	"application/octet-stream":      true,
	"text/plain":                    true,
	"application/source-map":        true,
}

func (s *Store) storeModule(name, contentType string, content []byte) (Module, *api.Error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || !moduleTypes[kind] {
		return Module{}, api.Failure(http.StatusBadRequest, 10021, "the module %q has an unknown type %q", name, contentType)
	}
	sum := sha256.Sum256(content)
	m := Module{Name: name, Type: kind, Hash: hex.EncodeToString(sum[:]), Size: len(content)}
	path := s.ModuleFile(m)
	if now := time.Now(); os.Chtimes(path, now, now) == nil {
		return m, nil // the module is stored already
	}
	return m, api.Internal(atomicfile.Write(path, content, 0o600))
}

// ModuleFile returns the path of a stored module.
func (s *Store) ModuleFile(m Module) string { return filepath.Join(s.options.Dir, "modules", m.Hash) }

var calendarDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// check makes the checks of the API that do not depend on the script.
func (up *upload) check() *api.Error {
	m := &up.metadata
	if m.BodyPart != "" {
		return api.Failure(http.StatusBadRequest, 10021,
			"the local platform does not support service-worker syntax; upload a module (main_module)")
	}
	if m.Date != "" && !calendarDate.MatchString(m.Date) {
		return api.Failure(http.StatusBadRequest, 10021, "the compatibility date %q is not YYYY-MM-DD", m.Date)
	}
	if len(m.Annotations["workers/message"]) > 1000 || len(m.Annotations["workers/tag"]) > 100 {
		return api.Failure(http.StatusBadRequest, 10021, "workers/message takes at most 1000 bytes, workers/tag at most 100")
	}
	if m.MainModule == "" {
		if len(up.modules) > 0 {
			return api.Failure(http.StatusBadRequest, 10021, "the metadata names no main_module")
		}
		return nil
	}
	for _, mod := range up.modules {
		if mod.Name == m.MainModule {
			if mod.Type != "application/javascript+module" {
				return api.Failure(http.StatusBadRequest, 10021, "the main module %q must be an ES module", mod.Name)
			}
			return nil
		}
	}
	return api.Failure(http.StatusBadRequest, 10021, "No such module %q: main_module must name a part of the upload",
		m.MainModule)
}

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
		Main: up.metadata.MainModule, Modules: up.modules, Bindings: bindings,
		Date: up.metadata.Date, Flags: up.metadata.Flags, Migration: sc.Migration, Assets: assets,
		Runtime: map[string]json.RawMessage{}, Etag: up.etag(),
	}
	if up.metadata.all["exports"] != nil {
		s.options.Log("%s: the local platform ignores \"exports\": its Durable Objects need migrations", sc.Name)
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

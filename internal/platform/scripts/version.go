package scripts

import (
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// scriptPut uploads a version and gives it all traffic. It creates the script if the script
// does not exist.
func (s *Store) scriptPut(c *api.Call) *api.Error {
	up, apiErr := s.readUpload(c)
	if apiErr != nil {
		return apiErr
	}
	up.annotate("upload")
	name := c.R.PathValue("script")
	if !scriptName.MatchString(name) {
		return api.Failure(http.StatusBadRequest, 10016, "Invalid Worker name %q", name)
	}
	d, apiErr := s.draft(c, name, up)
	if apiErr != nil {
		return apiErr
	}
	if apiErr := s.checkStart(c, d); apiErr != nil {
		return apiErr
	}
	result, dropped, apiErr := s.putVersion(c, d, up)
	if apiErr != nil {
		return apiErr
	}
	s.activate(c)
	if apiErr := s.dropObjects(c.Account, dropped); apiErr != nil {
		return apiErr
	}
	return c.Reply(result)
}

// draft returns a draft of the script, with the exports, the migrations and the version
// of an upload.
func (s *Store) draft(c *api.Call, name string, up *upload) (*Draft, *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(c.Account)
	d := &Draft{Script: &Script{Name: name, Tag: api.NewID(), Created: api.Now()}}
	if existing := a.Scripts[name]; existing != nil {
		*d.Script, d.Before = *existing, existing.Classes
	}
	exports, apiErr := up.metadata.objectExports()
	if apiErr == nil {
		d.report, apiErr = a.reconcile(d, exports)
	}
	if apiErr == nil {
		apiErr = a.migrate(d, up.metadata.Migrations)
	}
	if apiErr == nil {
		d.Added, apiErr = s.newVersion(c, d.Script, up)
	}
	if apiErr == nil {
		d.Added.Exports = exports
	}
	return d, apiErr
}

// putVersion applies a draft to its script. dropped are the namespaces of Durable Objects to
// delete when the new version serves requests.
func (s *Store) putVersion(c *api.Call, d *Draft, up *upload) (result map[string]any, dropped []string,
	apiErr *api.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(c.Account)
	sc, v := a.Scripts[d.Name], d.Added
	if sc == nil {
		sc = d.Script
	} else if sc.Migration != d.Migration && up.metadata.Migrations == nil {
		return nil, nil, api.Failure(http.StatusConflict, 10079, "the migration tag changed during the upload")
	}
	if apiErr := s.changeOthers(a, d); apiErr != nil {
		return nil, nil, apiErr
	}
	dropped = d.apply(sc)
	sc.addVersion(v)
	sc.deploy([]Share{{v.ID, 100}}, source(c.R), map[string]string{"workers/triggered_by": "upload",
		"workers/message": up.metadata.Annotations["workers/message"]})
	sc.setSettings(up.metadata.all)
	if apiErr := s.save(c.Account, sc); apiErr != nil {
		return nil, nil, apiErr
	}
	if err := s.open(c.Account, sc); err != nil {
		return nil, nil, api.Internal(err)
	}
	a.Scripts[sc.Name] = sc
	result = scriptJSON(sc)
	if d.report != nil {
		result["exports_reconciliation"] = d.report
	}
	result["deployment_id"], result["startup_time_ms"], result["entry_point"] = v.ID, 1, v.Main
	return result, dropped, nil
}

// versionCreate uploads a version without traffic.
func (s *Store) versionCreate(c *api.Call) *api.Error {
	up, apiErr := s.readUpload(c)
	if apiErr != nil {
		return apiErr
	}
	up.annotate("version_upload")
	if up.metadata.Migrations != nil {
		return api.Failure(http.StatusBadRequest, 10211,
			"Version upload failed: migrations must be applied by a deployment of the script (PUT)")
	}
	var d *Draft
	apiErr = s.withScript(c, func(sc *Script) (apiErr *api.Error) {
		d, apiErr = s.versionDraft(c, sc, up)
		return apiErr
	})
	if apiErr == nil {
		apiErr = s.checkStart(c, d)
	}
	if apiErr != nil {
		return apiErr
	}
	return s.withScript(c, func(sc *Script) *api.Error {
		sc.addVersion(d.Added)
		if apiErr := s.save(c.Account, sc); apiErr != nil {
			return apiErr
		}
		result := sc.show(d.Added)
		if d.report != nil {
			result["exports_reconciliation"] = d.report
		}
		result["startup_time_ms"] = 1
		return c.Reply(result)
	})
}

// versionDraft returns a draft of a version without traffic. Its exports are checked against
// the classes of the script, but change them only with a deployment of the version.
func (s *Store) versionDraft(c *api.Call, sc *Script, up *upload) (*Draft, *api.Error) {
	exports, apiErr := up.metadata.objectExports()
	if apiErr != nil {
		return nil, apiErr
	}
	changed := *sc
	d := &Draft{Script: &changed, Before: sc.Classes}
	if d.report, apiErr = s.account(c.Account).reconcile(d, exports); apiErr != nil {
		return nil, apiErr
	}
	if apiErr := unprovisioned(sc, exports, up.metadata.Bindings); apiErr != nil {
		return nil, apiErr
	}
	if d.Added, apiErr = s.newVersion(c, sc, up); apiErr != nil {
		return nil, apiErr
	}
	d.Added.Exports = exports
	return d, nil
}

// maxListed is the number of versions, the newest ones, that can be deployed and that are
// listed as deployable.
const maxListed = 100

// versionPages are the sizes of the pages of a list of versions.
var versionPages = api.Sizes{Default: 10, Most: maxListed}

func (s *Store) versionsList(c *api.Call) *api.Error {
	sizes, first := versionPages, 0
	return s.withScript(c, func(sc *Script) *api.Error {
		if c.R.URL.Query().Get("deployable") == "true" {
			sizes.Default, first = maxListed, max(0, len(sc.Versions)-maxListed)
		}
		items := []any{}
		for _, v := range slices.Backward(sc.Versions[first:]) {
			items = append(items, sc.summary(v))
		}
		part, info := api.Page(c, items, sizes)
		return c.ReplyWith(map[string]any{"items": part}, info)
	})
}

func (s *Store) versionGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		v := sc.Version(c.R.PathValue("version"))
		if v == nil {
			return errNoVersion()
		}
		return c.Reply(sc.show(v))
	})
}

// summary returns a version as lists show it: without its resources.
func (sc *Script) summary(v *Version) map[string]any {
	annotations := map[string]string{}
	maps.Copy(annotations, v.Annotations)
	return map[string]any{
		"id": v.ID, "number": v.Number, "annotations": annotations,
		"metadata": map[string]any{
			"created_on": v.Created, "modified_on": v.Created, "source": v.Source,
			"author_id": api.UserID, "author_email": api.UserEmail,
			"hasPreview": sc.hasPreview(), "has_preview": sc.hasPreview(),
		},
	}
}

func (sc *Script) show(v *Version) map[string]any {
	runtime := map[string]any{"compatibility_date": v.Date, "compatibility_flags": api.OrEmpty(v.Flags),
		"usage_model": "standard"}
	for name, raw := range v.Runtime {
		runtime[name] = raw
	}
	if v.Migration != "" {
		runtime["migration_tag"] = v.Migration
	}
	out := sc.summary(v)
	out["resources"] = map[string]any{
		"bindings":       allWithoutSecrets(v.Bindings),
		"script":         map[string]any{"etag": v.Etag, "handlers": []string{"fetch"}, "last_deployed_from": v.Source},
		"script_runtime": runtime,
	}
	return out
}

// scriptContent returns the modules of the active version as a form.
func (s *Store) scriptContent(c *api.Call) *api.Error {
	var v *Version
	if apiErr := s.withScript(c, func(sc *Script) *api.Error { v = sc.activeVersion(); return nil }); apiErr != nil {
		return apiErr
	}
	form := multipart.NewWriter(c.W)
	c.W.Header().Set("Content-Type", form.FormDataContentType())
	c.W.Header().Set("Cf-Entrypoint", v.Main)
	for _, m := range v.Modules {
		content, err := os.ReadFile(s.ModuleFile(m))
		if err != nil {
			return api.Internal(err)
		}
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=%q", m.Name, m.Name)},
			"Content-Type":        {m.Type},
		})
		if err != nil {
			return api.Internal(err)
		}
		_, _ = part.Write(content)
	}
	_ = form.Close()
	return nil
}

func errNoVersion() *api.Error {
	return api.Failure(http.StatusNotFound, 100146,
		"The requested Worker version could not be found, please check the ID being passed and try again.")
}

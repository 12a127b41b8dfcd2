package platform

import (
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
)

// scriptPut uploads a version and gives it all traffic. It creates the script if the script
// does not exist.
func (c *call) scriptPut() *apiError {
	up, apiErr := c.readUpload()
	if apiErr != nil {
		return apiErr
	}
	up.annotate("upload")
	name := c.r.PathValue("script")
	if !scriptName.MatchString(name) {
		return failure(http.StatusBadRequest, 10016, "Invalid Worker name %q", name)
	}
	d, apiErr := c.draft(name, up)
	if apiErr != nil {
		return apiErr
	}
	if apiErr := c.checkStart(d); apiErr != nil {
		return apiErr
	}
	result, dropped, apiErr := c.putVersion(d, up)
	if apiErr != nil {
		return apiErr
	}
	c.s.workers.activate(c.ctx, c.account)
	if apiErr := c.s.dropObjects(c.account, dropped); apiErr != nil {
		return apiErr
	}
	return c.reply(result)
}

// draft returns a draft of the script, with the migrations and the version of an upload.
func (c *call) draft(name string, up *upload) (*draft, *apiError) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	a := c.s.account(c.account)
	d := &draft{script: &script{Name: name, Tag: newID(), Created: now()}}
	if existing := a.scripts[name]; existing != nil {
		*d.script, d.before = *existing, existing.Classes
	}
	apiErr := a.migrate(d, up.metadata.Migrations)
	if apiErr == nil {
		d.version, apiErr = c.newVersion(d.script, up)
	}
	return d, apiErr
}

// putVersion applies a draft to its script. dropped are the namespaces of Durable Objects to
// delete when the new version serves requests.
func (c *call) putVersion(d *draft, up *upload) (result map[string]any, dropped []string, apiErr *apiError) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	a := c.s.account(c.account)
	sc, v := a.scripts[d.Name], d.version
	if sc == nil {
		sc = d.script
	} else if sc.Migration != d.Migration && up.metadata.Migrations == nil {
		return nil, nil, failure(http.StatusConflict, 10079, "the migration tag changed during the upload")
	}
	for _, t := range d.transferred {
		if from := a.scripts[t.Script]; from == nil || from.Classes[t.From] != d.Classes[t.To] {
			return nil, nil, failure(http.StatusConflict, 10077, "class %q of script %q changed during the upload", t.From,
				t.Script)
		}
	}
	dropped = removedNamespaces(sc.Classes, d.Classes)
	sc.Migration, sc.Classes = d.Migration, d.Classes
	sc.addVersion(v)
	sc.deploy([]share{{v.ID, 100}}, source(c.r), map[string]string{"workers/triggered_by": "upload",
		"workers/message": up.metadata.Annotations["workers/message"]})
	sc.setSettings(up.metadata.all)
	if apiErr := c.s.save(c.account, sc); apiErr != nil {
		return nil, nil, apiErr
	}
	for _, t := range d.transferred {
		*a.scripts[t.Script] = *d.withoutTransferred(a.scripts[t.Script])
		if apiErr := c.s.save(c.account, a.scripts[t.Script]); apiErr != nil {
			return nil, nil, apiErr
		}
	}
	if err := c.s.workers.open(c.account, sc); err != nil {
		return nil, nil, internalError(err)
	}
	a.scripts[sc.Name] = sc
	result = scriptJSON(sc)
	result["deployment_id"], result["startup_time_ms"], result["entry_point"] = v.ID, 1, v.Main
	return result, dropped, nil
}

// versionCreate uploads a version without traffic.
func (c *call) versionCreate() *apiError {
	up, apiErr := c.readUpload()
	if apiErr != nil {
		return apiErr
	}
	up.annotate("version_upload")
	if up.metadata.Migrations != nil {
		return failure(http.StatusBadRequest, 10211,
			"Version upload failed: migrations must be applied by a deployment of the script (PUT)")
	}
	var d *draft
	apiErr = c.withScript(func(sc *script) (apiErr *apiError) {
		changed := *sc
		d = &draft{script: &changed, before: changed.Classes}
		d.version, apiErr = c.newVersion(sc, up)
		return apiErr
	})
	if apiErr == nil {
		apiErr = c.checkStart(d)
	}
	if apiErr != nil {
		return apiErr
	}
	return c.withScript(func(sc *script) *apiError {
		sc.addVersion(d.version)
		if apiErr := c.s.save(c.account, sc); apiErr != nil {
			return apiErr
		}
		result := d.version.show()
		result["startup_time_ms"] = 1
		return c.reply(result)
	})
}

// maxListed is the number of versions, the newest ones, that can be deployed and that are
// listed as deployable.
const maxListed = 100

func (c *call) versionsList() *apiError {
	q := c.r.URL.Query()
	page, perPage := positiveOr(q.Get("page"), 1), min(positiveOr(q.Get("per_page"), 10), maxListed)
	deployable := q.Get("deployable") == "true"
	if deployable {
		page, perPage = 1, maxListed
	}
	return c.withScript(func(sc *script) *apiError {
		items := []any{}
		for i := (page - 1) * perPage; i < len(sc.Versions) && len(items) < perPage; i++ {
			items = append(items, sc.Versions[len(sc.Versions)-1-i].summary())
		}
		writeResult(c.w, map[string]any{"items": items}, map[string]any{
			"page": page, "per_page": perPage, "count": len(items), "total_count": len(sc.Versions),
			"total_pages": (len(sc.Versions) + perPage - 1) / perPage,
		})
		return nil
	})
}

func (c *call) versionGet() *apiError {
	return c.withScript(func(sc *script) *apiError {
		v := sc.version(c.r.PathValue("version"))
		if v == nil {
			return failure(http.StatusNotFound, 10146, "Version %q was not found.", c.r.PathValue("version"))
		}
		return c.reply(v.show())
	})
}

// summary returns a version as lists show it: without its resources.
func (v *version) summary() map[string]any {
	annotations := map[string]string{}
	maps.Copy(annotations, v.Annotations)
	return map[string]any{
		"id": v.ID, "number": v.Number, "annotations": annotations,
		"metadata": map[string]any{
			"created_on": v.Created, "modified_on": v.Created, "source": v.Source,
			"author_id": userID, "author_email": userEmail, "hasPreview": false, "has_preview": false,
		},
	}
}

func (v *version) show() map[string]any {
	runtime := map[string]any{"compatibility_date": v.Date, "compatibility_flags": orEmpty(v.Flags),
		"usage_model": "standard"}
	for name, raw := range v.Runtime {
		runtime[name] = raw
	}
	if v.Migration != "" {
		runtime["migration_tag"] = v.Migration
	}
	out := v.summary()
	out["resources"] = map[string]any{
		"bindings":       allWithoutSecrets(v.Bindings),
		"script":         map[string]any{"etag": v.Etag, "handlers": []string{"fetch"}, "last_deployed_from": v.Source},
		"script_runtime": runtime,
	}
	return out
}

// scriptContent returns the modules of the active version as a form.
func (c *call) scriptContent() *apiError {
	var v *version
	if apiErr := c.withScript(func(sc *script) *apiError { v = sc.activeVersion(); return nil }); apiErr != nil {
		return apiErr
	}
	form := multipart.NewWriter(c.w)
	c.w.Header().Set("Content-Type", form.FormDataContentType())
	c.w.Header().Set("Cf-Entrypoint", v.Main)
	for _, m := range v.Modules {
		content, err := os.ReadFile(c.s.moduleFile(m))
		if err != nil {
			return internalError(err)
		}
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=%q", m.Name, m.Name)},
			"Content-Type":        {m.Type},
		})
		if err != nil {
			return internalError(err)
		}
		_, _ = part.Write(content)
	}
	_ = form.Close()
	return nil
}

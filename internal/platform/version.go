package platform

import (
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
)

// scriptPut uploads a version and gives it all traffic; it makes the script if
// there is none.
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
	draft, v, apiErr := c.draft(name, up)
	if apiErr != nil {
		return apiErr
	}
	if apiErr := c.startable(draft, v); apiErr != nil {
		return apiErr
	}
	result, apiErr := c.putVersion(draft, v, up)
	if apiErr != nil {
		return apiErr
	}
	c.s.workers.activate(c.ctx, c.account)
	return c.reply(result)
}

// draft returns what the script would be with the upload's migrations applied, and
// the version that it would get.
func (c *call) draft(name string, up *upload) (*script, *version, *apiError) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	draft := &script{Name: name, Tag: newID(), Created: now()}
	if existing := c.s.account(c.account).scripts[name]; existing != nil {
		*draft = *existing
	}
	draft.Classes = maps.Clone(draft.Classes)
	if apiErr := draft.migrate(up.metadata.Migrations); apiErr != nil {
		return nil, nil, apiErr
	}
	v, apiErr := c.newVersion(draft, up)
	return draft, v, apiErr
}

func (c *call) putVersion(draft *script, v *version, up *upload) (any, *apiError) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	a := c.s.account(c.account)
	sc := a.scripts[draft.Name]
	if sc == nil {
		sc = draft
	} else if sc.Migration != draft.Migration && up.metadata.Migrations == nil {
		return nil, failure(http.StatusConflict, 10079, "the migration tag changed during the upload")
	}
	sc.Migration, sc.Classes = draft.Migration, draft.Classes
	sc.keep(v)
	sc.deploy([]share{{v.ID, 100}}, source(c.r), map[string]string{"workers/triggered_by": "upload", "workers/message": up.metadata.Annotations["workers/message"]})
	sc.set(up.metadata.all)
	if apiErr := c.s.save(c.account, sc); apiErr != nil {
		return nil, apiErr
	}
	if err := c.s.workers.open(c.account, sc); err != nil {
		return nil, internal(err)
	}
	a.scripts[sc.Name] = sc
	result := scriptJSON(sc)
	result["deployment_id"], result["startup_time_ms"], result["entry_point"] = v.ID, 1, v.Main
	return result, nil
}

// versionCreate uploads a version that serves nobody yet.
func (c *call) versionCreate() *apiError {
	up, apiErr := c.readUpload()
	if apiErr != nil {
		return apiErr
	}
	up.annotate("version_upload")
	if up.metadata.Migrations != nil {
		return failure(http.StatusBadRequest, 10211, "Version upload failed: migrations must be applied by a deployment of the script (PUT)")
	}
	var draft *script
	var v *version
	apiErr = c.withScript(func(sc *script) (apiErr *apiError) {
		copied := *sc
		draft = &copied
		v, apiErr = c.newVersion(sc, up)
		return apiErr
	})
	if apiErr == nil {
		apiErr = c.startable(draft, v)
	}
	if apiErr != nil {
		return apiErr
	}
	return c.withScript(func(sc *script) *apiError {
		sc.keep(v)
		if apiErr := c.s.save(c.account, sc); apiErr != nil {
			return apiErr
		}
		result := v.show()
		result["startup_time_ms"] = 1
		return c.reply(result)
	})
}

// maxListed is how many of the newest versions can be deployed, and are listed as such.
const maxListed = 100

func (c *call) versionsList() *apiError {
	q := c.r.URL.Query()
	page, perPage := positive(q.Get("page"), 1), min(positive(q.Get("per_page"), 10), maxListed)
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

// summary is a version in a list: without its resources.
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
	runtime := map[string]any{"compatibility_date": v.Date, "compatibility_flags": orEmpty(v.Flags), "usage_model": "standard"}
	for name, raw := range v.Runtime {
		runtime[name] = raw
	}
	if v.Migration != "" {
		runtime["migration_tag"] = v.Migration
	}
	out := v.summary()
	out["resources"] = map[string]any{
		"bindings":       shownAll(v.Bindings),
		"script":         map[string]any{"etag": v.Etag, "handlers": []string{"fetch"}, "last_deployed_from": v.Source},
		"script_runtime": runtime,
	}
	return out
}

// scriptContent answers the modules of the active version, as a form.
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
			return internal(err)
		}
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=%q", m.Name, m.Name)},
			"Content-Type":        {m.Type},
		})
		if err != nil {
			return internal(err)
		}
		_, _ = part.Write(content)
	}
	_ = form.Close()
	return nil
}

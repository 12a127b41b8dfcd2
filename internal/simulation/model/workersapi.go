package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"time"
)

// upload is the form of a version or a script.
type upload struct {
	Bindings    []map[string]json.RawMessage
	Annotations map[string]string
	Migrations  *migrations
	modules     map[string][]byte
}

// migrations are the steps from one tag to another.
type migrations struct {
	Old   string `json:"old_tag"`
	New   string `json:"new_tag"`
	Steps []json.RawMessage
}

func readUpload(r *Request) (*upload, error) {
	_, params, err := mime.ParseMediaType(r.Type)
	if err != nil {
		return nil, err
	}
	form := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"])
	u := &upload{modules: make(map[string][]byte)}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return u, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		if part.FormName() != "metadata" {
			u.modules[part.FormName()] = content
		} else if err := json.Unmarshal(content, u); err != nil {
			return nil, err
		}
	}
}

func (c *Cloud) listScripts(_ *Request, _ []string, _ View) *Reply {
	all := []map[string]string{}
	for _, s := range c.Scripts() {
		all = append(all, map[string]string{"id": s.Name, "migration_tag": s.Tag})
	}
	return success(all, nil)
}

func (c *Cloud) putScript(r *Request, args []string, _ View) *Reply {
	u, err := readUpload(r)
	if err != nil {
		return failure(http.StatusBadRequest, 10021, err.Error())
	}
	s := c.script(args[0])
	if m := u.Migrations; m != nil && m.Old != s.Tag {
		return failure(http.StatusPreconditionFailed, 10079, "the tag of the last migration is "+s.Tag)
	}
	v, refused := s.add(u.Bindings, u.modules)
	if refused != nil {
		return refused
	}
	if before := s.Active(); before != nil { // secrets stay
		for name, value := range s.Version(before.Main()).Secrets {
			if _, set := v.Secrets[name]; !set {
				v.Secrets[name] = value
			}
		}
	}
	if m := u.Migrations; m != nil {
		s.Tag, s.Migrated = m.New, append(s.Migrated, m.Steps...)
	}
	s.Activate(r.By, []Share{{v.ID, 100}}, u.Annotations["workers/message"])
	return success(map[string]string{"id": s.Name}, nil)
}

func (c *Cloud) deleteScript(_ *Request, args []string, _ View) *Reply {
	if c.scripts[args[0]] == nil {
		return failure(http.StatusNotFound, 10007, "workers.api.error.script_not_found")
	}
	delete(c.scripts, args[0])
	return success(nil, nil)
}

func (s *Script) createVersion(r *Request, _ []string, _ View) *Reply {
	u, err := readUpload(r)
	if err != nil {
		return failure(http.StatusBadRequest, 10021, err.Error())
	}
	v, refused := s.add(u.Bindings, u.modules)
	if refused != nil {
		return refused
	}
	return success(map[string]any{"id": v.ID, "number": v.Number}, nil)
}

func (s *Script) getVersion(_ *Request, args []string, _ View) *Reply {
	v := s.Version(args[0])
	if v == nil {
		return failure(http.StatusNotFound, 10007, "version not found")
	}
	return success(map[string]any{
		"id": v.ID, "number": v.Number, "metadata": map[string]any{"created_on": v.Created.UTC()},
		"resources": map[string]any{"bindings": append([]map[string]json.RawMessage{}, v.Bindings...)},
	}, nil)
}

func (s *Script) listDeployments(_ *Request, _ []string, v View) *Reply {
	type shown struct {
		ID          string            `json:"id"`
		Created     time.Time         `json:"created_on"`
		Author      string            `json:"author_email"`
		Versions    []Share           `json:"versions"`
		Annotations map[string]string `json:"annotations"`
	}
	var all []shown
	for _, d := range slices.Backward(s.Deployments) {
		if len(all) < s.cloud.Listed && !d.Created.After(v.at()) {
			all = append(all, shown{d.ID, d.Created.UTC(), d.By, d.Shares, map[string]string{"workers/message": d.Message}})
		}
	}
	list := []shown{}
	for _, i := range v.places(len(all)) {
		list = append(list, all[i])
	}
	return success(map[string]any{"deployments": list}, nil)
}

func (s *Script) deploy(r *Request, _ []string, _ View) *Reply {
	var in struct {
		Versions    []Share
		Annotations map[string]string
	}
	if err := json.Unmarshal(r.Body, &in); err != nil || len(in.Versions) == 0 {
		return failure(http.StatusBadRequest, 10021, "no versions")
	}
	for _, share := range in.Versions {
		if s.Version(share.Version) == nil {
			return failure(http.StatusBadRequest, 10145, "the version does not exist")
		}
	}
	next := s.Version(in.Versions[0].Version)
	if r.Query.Get("force") != "true" && s.older(next) {
		return failure(http.StatusBadRequest, 10220, "a secret was changed since that version")
	}
	d := s.Activate(r.By, in.Versions, in.Annotations["workers/message"])
	return success(map[string]string{"id": d.ID}, nil)
}

func (s *Script) patchSettings(_ *Request, _ []string, _ View) *Reply {
	return success(struct{}{}, nil)
}

func (s *Script) enable(_ *Request, _ []string, _ View) *Reply {
	s.Enabled = true
	return success(map[string]bool{"enabled": true}, nil)
}

func (c *Cloud) subdomain(_ *Request, _ []string, _ View) *Reply {
	return success(map[string]string{"subdomain": "example"}, nil)
}

package cloudflare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

// Limits of annotations, in bytes. The API truncates a longer one, also within a character.
const (
	maxMessage = 1000
	maxTag     = 100
)

// fieldMembers are the members of the metadata that have a field in an Upload. A setting must
// not have such a name.
var fieldMembers = []string{
	"main_module", "body_part", "bindings", "compatibility_date", "compatibility_flags", "annotations", "migrations",
}

// scriptForm returns the body of a script or version upload: a JSON part "metadata", and a part
// for each module. The modules are not copied.
func scriptForm(u cloud.Upload, version bool) (payload, error) {
	metadata, err := scriptMetadata(u, version)
	if err != nil {
		return payload{}, err
	}
	var (
		frame bytes.Buffer
		w     = multipart.NewWriter(&frame)
		form  = payload{contentType: w.FormDataContentType()}
		from  int
	)
	add := func(disposition, contentType string, content []byte) error {
		h := textproto.MIMEHeader{"Content-Disposition": {disposition}, "Content-Type": {contentType}}
		if _, err := w.CreatePart(h); err != nil {
			return err
		}
		form.parts = append(form.parts, bytes.Clone(frame.Bytes()[from:]), content)
		from = frame.Len()
		return nil
	}
	if err := add(`form-data; name="metadata"`, jsonType, metadata); err != nil {
		return payload{}, err
	}
	for _, m := range u.Modules {
		if err := add(multipart.FileContentDisposition(m.Name, m.Name), m.Type, m.Content); err != nil {
			return payload{}, err
		}
	}
	if err := w.Close(); err != nil {
		return payload{}, err
	}
	form.parts = append(form.parts, frame.Bytes()[from:])
	return form, nil
}

func scriptMetadata(u cloud.Upload, version bool) ([]byte, error) {
	if err := checkUpload(u); err != nil {
		return nil, err
	}
	bindings := make([]map[string]any, len(u.Bindings))
	for i, b := range u.Bindings {
		bindings[i] = map[string]any{}
		for name, value := range b.Fields {
			bindings[i][name] = value
		}
		bindings[i]["name"], bindings[i]["type"] = b.Name, b.Type
	}
	m := map[string]any{}
	for name, value := range u.Settings {
		if !version || !slices.Contains(cloud.ScriptSettings, name) {
			m[name] = value
		}
	}
	m["main_module"] = u.Main
	m["bindings"] = bindings
	m["compatibility_date"] = u.CompatibilityDate
	if len(u.CompatibilityFlags) > 0 {
		m["compatibility_flags"] = u.CompatibilityFlags
	}
	if notes := annotations(u.Message, u.Tag); len(notes) > 0 {
		m["annotations"] = notes
	}
	if !version && u.Apply != nil {
		m["migrations"] = u.Apply
	}
	return json.Marshal(m)
}

// checkUpload finds mistakes that the API does not report, or reports less clearly.
func checkUpload(u cloud.Upload) error {
	names := map[string]bool{"metadata": true} // the first part of the form has this name
	for _, m := range u.Modules {
		switch {
		case m.Name == "" || strings.ContainsFunc(m.Name, func(r rune) bool { return r < ' ' }):
			return fmt.Errorf("%q cannot be the name of a module", m.Name)
		case names[m.Name]:
			return fmt.Errorf("there are two modules called %q", m.Name)
		case m.Type == "" || strings.ContainsFunc(m.Type, func(r rune) bool { return r < ' ' }):
			return fmt.Errorf("module %q has no valid content type", m.Name)
		}
		names[m.Name] = true
	}
	if u.Main == "metadata" || !names[u.Main] {
		return fmt.Errorf("the main module %q is not among the modules", u.Main)
	}
	if u.CompatibilityDate == "" {
		return errors.New("the Worker has no compatibility date")
	}
	for _, name := range slices.Sorted(maps.Keys(u.Settings)) {
		if slices.Contains(fieldMembers, name) {
			return fmt.Errorf("%q cannot be a setting: kv-sync sets it itself", name)
		}
	}
	return nil
}

func annotations(message, tag string) map[string]string {
	notes := map[string]string{}
	if message != "" {
		notes["workers/message"] = clip(strings.ToValidUTF8(message, "?"), maxMessage)
	}
	if tag != "" {
		notes["workers/tag"] = clip(strings.ToValidUTF8(tag, "?"), maxTag)
	}
	return notes
}

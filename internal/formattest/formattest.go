// Package formattest reads what a local platform stores with the reader of docs/format.md, which
// is in testdata/format and shares no code with the engine.
package formattest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

// Stored is the input of the reader: see testdata/format/reader.py.
type Stored struct {
	Keys     map[string][]byte      `json:"keys"`
	Metadata []string               `json:"metadata"`
	Live     map[string]LiveVersion `json:"live"`
	Bindings []json.RawMessage      `json:"bindings"`

	activated map[string]bool // deployments that are or were live
}

// LiveVersion is the live version of a site's Worker.
type LiveVersion struct {
	Meta    json.RawMessage `json:"meta"`
	Message string          `json:"message"`
	Served  []byte          `json:"served"`
}

// New returns the content of an empty account.
func New() *Stored {
	return &Stored{Keys: map[string][]byte{}, Metadata: []string{}, Live: map[string]LiveVersion{},
		Bindings: []json.RawMessage{}, activated: map[string]bool{}}
}

// Get returns the API's answer to a GET request. The path is below the account.
type Get func(path string) (string, error)

// Dump gets everything that an account stores.
func Dump(get Get) (*Stored, error) {
	d := &dump{New(), get, nil}
	d.namespaces()
	d.scripts()
	return d.Stored, d.err
}

// dump is a dump that is being made. After the first error it gets nothing more.
type dump struct {
	*Stored

	ask Get
	err error
}

// get returns a member of an answer.
func (d *dump) get(path, member string) gjson.Result { return gjson.Get(d.text(path), member) }

func (d *dump) text(path string) (text string) {
	if d.err == nil {
		text, d.err = d.ask(path)
	}
	return text
}

func (d *dump) namespaces() {
	const namespaces = "/storage/kv/namespaces"
	for _, ns := range d.get(namespaces, "result.#.id").Array() {
		at := namespaces + "/" + ns.String()
		for _, key := range d.get(at+"/keys", "result").Array() {
			name := key.Get("name").String()
			d.Keys[name] = []byte(d.text(at + "/values/" + url.PathEscape(name)))
			if key.Get("metadata").Exists() {
				d.Metadata = append(d.Metadata, name)
			}
		}
	}
}

func (d *dump) scripts() {
	const scripts = "/workers/scripts"
	for _, script := range d.get(scripts, "result.#.id").Array() {
		at := scripts + "/" + script.String()
		deployments := d.get(at+"/deployments", "result.deployments")
		live, was := deployments.Get("0"), deployments.Get("#.versions.#.version_id").Raw
		for _, version := range d.get(at+"/versions", "result.items.#.id").Array() {
			meta := d.get(at+"/versions/"+version.String(), `result.resources.bindings.#(name=="KV_SYNC").json`)
			if !meta.Exists() {
				continue // of another tool
			}
			d.Bindings = append(d.Bindings, json.RawMessage(meta.Raw))
			if strings.Contains(was, version.String()) {
				d.activated[meta.Get("deployment").String()] = true
			}
			if version.String() == live.Get("versions.0.version_id").String() && meta.Get("site").Exists() {
				d.Live[meta.Get("site").String()] = LiveVersion{Meta: json.RawMessage(meta.Raw),
					Message: live.Get(`annotations.workers/message`).String(), Served: d.served(at + "/content/v2")}
			}
		}
	}
}

// served returns the served manifest in a script's multipart content.
func (d *dump) served(path string) []byte {
	content := d.text(path)
	boundary, _, _ := strings.Cut(strings.TrimPrefix(content, "--"), "\r\n")
	for parts := multipart.NewReader(strings.NewReader(content), boundary); d.err == nil; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && part.FormName() == "kv-sync-manifest.bin" {
			var b []byte
			b, d.err = io.ReadAll(part)
			return b
		}
		d.err = err
	}
	return nil
}

var (
	record  = regexp.MustCompile(`^(.+)/d/([^/]+)$`)
	current = regexp.MustCompile(`^project/[^/]+/current$`)
)

// DropUnfinished leaves out the records of deployments that never were live, and their manifests.
// A run that was ended in the middle may have written them without the files that they name.
func (s *Stored) DropUnfinished() {
	var projects []byte
	kept, dropped := map[string]bool{}, map[string]bool{}
	for key, value := range s.Keys {
		if current.MatchString(key) {
			projects = append(projects, value...)
		}
	}
	for key, value := range s.Keys {
		m := record.FindStringSubmatch(key)
		if m == nil {
			continue
		}
		name := m[1] + "/m/" + gjson.GetBytes(value, "manifest").String()
		if root := m[1] + "/" + gjson.GetBytes(value, "manifest").String(); s.Keys[root] != nil {
			name = root
		}
		if s.activated[m[2]] || bytes.Contains(projects, []byte(m[2])) {
			kept[name] = true
			continue
		}
		dropped[name] = true
		delete(s.Keys, key)
	}
	for name := range dropped {
		if !kept[name] {
			delete(s.Keys, name)
		}
	}
}

// Read runs the reader and returns its output. top is the folder of the repository.
func (s *Stored) Read(top string) ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("python3", "-B", filepath.Join(top, "testdata", "format", "reader.py"),
		filepath.Join(top, "docs", "format.md"))
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(b), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run the reader: %w: %s", err, stderr.String())
	}
	return out, nil
}

// Problems returns what the reader's output says is not as docs/format.md describes.
func Problems(output []byte) (list []string) {
	for _, p := range gjson.GetBytes(output, "problems").Array() {
		list = append(list, p.String())
	}
	return list
}

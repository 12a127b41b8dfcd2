package scripts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// maxModules limits the modules of a script, maxUpload also the rest of the form.
const (
	maxModules = 64 << 20
	maxUpload  = maxModules + 2<<20
)

// upload is the body of a script or version upload.
type upload struct {
	metadata uploadMetadata
	modules  []Module
	maps     []Module // source maps
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
	if errors.Is(err, http.ErrNotMultipart) {
		return nil, api.Failure(http.StatusBadRequest, 10001, "Content-Type must be multipart/form-data")
	}
	if err != nil {
		return nil, api.Failure(http.StatusBadRequest, 10026, "the upload must be multipart/form-data: %v", err)
	}
	up := &upload{}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if apiErr := uploadFailure(err); apiErr != nil {
			return nil, apiErr
		}
		if apiErr := s.readPart(up, part, content); apiErr != nil {
			return nil, apiErr
		}
	}
	if up.metadata.all == nil {
		return nil, api.Failure(http.StatusBadRequest, 10021, "the upload has no metadata part")
	}
	return up, up.check()
}

// uploadFailure returns the response for an error while an upload was read, or nil.
func uploadFailure(err error) *api.Error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge()
	}
	return api.ReadFailure(0, err)
}

func errTooLarge() *api.Error {
	return api.Failure(http.StatusRequestEntityTooLarge, 10027, "Your Worker exceeded the size limit of %d MiB.",
		maxModules>>20)
}

// readPart adds a part of the form to an upload. A module has the name of its file; the name
// of its part means nothing, and several parts may have the same.
func (s *Store) readPart(up *upload, part *multipart.Part, content []byte) *api.Error {
	_, named, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return api.ReadFailure(0, err)
	}
	if name := named["name"]; name == "metadata" || name == "settings" {
		if up.metadata.all != nil {
			return api.Failure(http.StatusBadRequest, 10021, "the part %q is given twice", name)
		}
		err := json.Unmarshal(content, &up.metadata.all)
		if err == nil {
			err = json.Unmarshal(content, &up.metadata)
		}
		if err != nil {
			return api.Failure(http.StatusBadRequest, 10026, "could not parse the %s: %v", name, err)
		}
		return nil
	}
	name := cmp.Or(named["filename"], named["name"]) // Part.FileName would remove the folders
	if up.module(name) != nil {
		return api.Failure(http.StatusBadRequest, 10021, "the module %q is given twice", name)
	}
	m, apiErr := s.storeModule(name, part.Header.Get("Content-Type"), content)
	switch {
	case apiErr != nil:
	case m.Type == "application/source-map":
		up.maps = append(up.maps, m)
	default:
		up.modules = append(up.modules, m)
	}
	return apiErr
}

// module returns the module with a name, or nil.
func (up *upload) module(name string) *Module {
	for i := range up.modules {
		if up.modules[i].Name == name {
			return &up.modules[i]
		}
	}
	return nil
}

// ModuleKind is how a Worker sees a module.
type ModuleKind string

// The kinds of modules.
const (
	ESModule     ModuleKind = "esm"
	CommonJS     ModuleKind = "cjs"
	Wasm         ModuleKind = "wasm"
	Data         ModuleKind = "data"
	Text         ModuleKind = "text"
	Python       ModuleKind = "python"
	Requirements ModuleKind = "requirements" // of Python
)

// moduleKinds are the content types of modules that the API accepts.
var moduleKinds = map[string]ModuleKind{
	"application/javascript+module": ESModule,
	"text/javascript+module":        ESModule,
	"application/javascript":        CommonJS,
	"text/javascript":               CommonJS,
	"application/wasm":              Wasm,
	"application/octet-stream":      Data,
	"text/plain":                    Text,
	"text/x-python":                 Python,
	"text/x-python-requirement":     Requirements,
	"application/source-map":        "",
}

// Kind returns how a Worker sees the module.
func (m Module) Kind() ModuleKind { return moduleKinds[m.Type] }

func (s *Store) storeModule(name, contentType string, content []byte) (Module, *api.Error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if _, known := moduleKinds[kind]; err != nil || !known {
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

package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/tailscale/hujson"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// settings checks the files that esbuild reads by itself while it looks for an
// import: they have to be regular files inside the boundary, as all that is read.
// What they hold never becomes part of the bundle.
type settings struct {
	*project
	// none: the Worker's own code has no tsconfig.json, so those of others do not count.
	none bool

	mu      sync.Mutex
	checked map[string]error // by folder
}

func newSettings(o *project) *settings {
	s := &settings{project: o, checked: map[string]error{}}
	if o.Main != "" && o.Tsconfig == "" {
		file := s.nearest(filepath.Dir(o.Main))
		s.none = file != "" && !o.Boundary.Inside(filepath.Dir(file))
	}
	return s
}

// settingsFiles are what esbuild looks for in the folder of an import and in all
// that are above.
var settingsFiles = []string{"package.json", "tsconfig.json", "jsconfig.json", ".pnp.data.json", ".pnp.cjs", ".pnp.js"}

// maxSettings bounds such a file.
const maxSettings = 4 << 20

// guard refuses an import if esbuild would read what it may not to resolve it.
func (c *collector) guard(b api.PluginBuild) {
	b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, ok := args.PluginData.(nested); ok || args.Namespace == libraryNamespace {
			return api.OnResolveResult{}, nil
		}
		for _, dir := range consulted(args) {
			if p := c.settings.check(dir); p != nil {
				return failed(p.Error(), fixOf(p)), nil
			}
		}
		return api.OnResolveResult{}, nil
	})
}

// consulted are the folders whose settings decide where an import leads.
func consulted(args api.OnResolveArgs) []string {
	from, name := folderOf(args), filepath.FromSlash(args.Path)
	if from == "" {
		return nil
	}
	if filepath.IsAbs(name) || name == "." || name == ".." || strings.HasPrefix(args.Path, "./") || strings.HasPrefix(args.Path, "../") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(from, name)
		}
		return []string{from, name}
	}
	dirs := []string{from}
	for dir := range above(from) {
		dirs = append(dirs, filepath.Join(dir, "node_modules", name))
	}
	return dirs
}

// above yields a folder and those above it.
func above(dir string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for ; yield(dir) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		}
	}
}

// check looks at the settings that count for the files in a folder.
func (s *settings) check(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err, known := s.checked[dir]; known {
		return err
	}
	err := s.checkTypeScript(dir)
	for at := range above(dir) {
		if err != nil {
			break
		}
		if at != dir {
			if _, known := s.checked[at]; known {
				continue
			}
		}
		err = s.checkFolder(at)
		s.checked[at] = err
	}
	s.checked[dir] = err
	return err
}

// checkFolder looks at the settings in one folder. Those above the boundary are
// the machine's, and no repository's.
func (s *settings) checkFolder(dir string) error {
	for _, name := range settingsFiles {
		file := filepath.Join(dir, name)
		if !s.present(file) || !s.Boundary.Inside(dir) {
			continue
		}
		if strings.HasSuffix(name, "sconfig.json") {
			if err := s.checkExtends(file, nil); err != nil {
				return err
			}
			continue
		}
		if _, err := s.readSettings(file); err != nil {
			return err
		}
	}
	return nil
}

// present reports whether esbuild would take something for a file.
func (s *settings) present(file string) bool {
	if _, err := os.Lstat(file); err != nil {
		return false
	}
	info, err := os.Stat(file)
	return err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir()
}

// readSettings reads one of these files. It is opened for its own sake, too: a FIFO
// would stop esbuild for ever.
func (s *settings) readSettings(file string) ([]byte, error) {
	data, err := s.Boundary.ReadFile(file, maxSettings)
	if err != nil {
		return nil, &settingsError{s.display(file), err}
	}
	return data, nil
}

// settingsError names a file of settings that may not be read.
type settingsError struct {
	file string
	err  error
}

func (e *settingsError) Error() string {
	return fmt.Sprintf("%s cannot be read: %s", e.file, reason(e.err))
}

func (e *settingsError) Unwrap() error { return e.err }

// checkTypeScript refuses code that the nearest tsconfig.json is outside for: it
// would make another Worker on every machine.
func (s *settings) checkTypeScript(dir string) error {
	if !s.Boundary.Inside(dir) || slices.Contains(strings.Split(filepath.ToSlash(dir), "/"), "node_modules") {
		return nil
	}
	file := s.nearest(dir)
	if file == "" || s.Boundary.Inside(filepath.Dir(file)) != s.none {
		return nil
	}
	if s.none {
		return &settingsError{s.display(file), errors.New("the Worker's main file has no tsconfig.json, so it would not count; put one beside that file, or at the top of " + s.Boundary.Top())}
	}
	return &settingsError{file, &boundary.Error{Path: file, Real: file, Top: s.Boundary.Top()}}
}

// nearest is the tsconfig.json, or jsconfig.json, that counts for the files of a
// folder, or "".
func (s *settings) nearest(dir string) string {
	for at := range above(dir) {
		for _, name := range []string{"tsconfig.json", "jsconfig.json"} {
			if file := filepath.Join(at, name); s.present(file) {
				return file
			}
		}
	}
	return ""
}

// checkExtends looks at a tsconfig.json and at those that it builds on.
func (s *settings) checkExtends(file string, from []string) error {
	if slices.Contains(from, file) {
		return nil // esbuild says that it is a circle
	}
	data, err := s.readSettings(file)
	if err != nil {
		return err
	}
	from = append(from, file)
	if file, err = filepath.EvalSymlinks(file); err != nil { // paths in it begin there
		return err
	}
	data, err = hujson.Standardize([]byte(strings.TrimPrefix(string(data), "\xef\xbb\xbf")))
	if err != nil {
		return &settingsError{s.display(file), err}
	}
	var config struct {
		Extends any `json:"extends"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil //nolint:nilerr // esbuild says what is wrong
	}
	for _, name := range texts(config.Extends) {
		for _, base := range s.bases(filepath.Dir(file), filepath.FromSlash(name)) {
			if !s.present(base) {
				continue
			}
			if err := s.checkExtends(base, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts are the strings that a value of JSON is, or lists.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, texts(e)...)
		}
		return list
	}
	return nil
}

// bases are the files that an "extends" may mean.
func (s *settings) bases(dir, name string) []string {
	forms := func(file string) []string {
		return []string{file, file + ".json", filepath.Join(file, "tsconfig.json")}
	}
	if filepath.IsAbs(name) {
		return forms(name)
	}
	if first, _, _ := strings.Cut(filepath.ToSlash(name), "/"); first == "." || first == ".." {
		return forms(filepath.Join(dir, name))
	}
	var list []string
	for at := range above(dir) {
		base := filepath.Join(at, "node_modules", name)
		list = append(list, forms(base)...)
		if named := s.packageTSConfig(base); named != "" {
			list = append(list, forms(filepath.Join(base, named))...)
		}
	}
	return list
}

// packageTSConfig is the file that a package names for those who extend it, or "".
func (s *settings) packageTSConfig(dir string) string {
	data, err := s.Boundary.ReadFile(filepath.Join(dir, "package.json"), maxSettings)
	var p struct {
		TSConfig string `json:"tsconfig"`
	}
	if err != nil || json.Unmarshal(data, &p) != nil {
		return ""
	}
	return filepath.FromSlash(path.Clean(p.TSConfig))
}

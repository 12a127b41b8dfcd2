package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// settings checks the files that esbuild itself reads to resolve an import, such as
// package.json and tsconfig.json. They must be regular files inside of the boundary. Their
// content never becomes part of the bundle.
type settings struct {
	*project
	// none is set if no tsconfig.json inside of the boundary applies to the main file. Then
	// every tsconfig.json is ignored.
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

// settingsFiles are the files that esbuild reads in the folder of an import and in all
// folders above.
var settingsFiles = []string{"package.json", "tsconfig.json", "jsconfig.json", ".pnp.data.json", ".pnp.cjs", ".pnp.js"}

// maxSettings limits the size of a settings file, in bytes.
const maxSettings = 4 << 20

// checkSettings is a plugin that refuses an import if esbuild would have to read a forbidden
// file to resolve it. The default Worker imports only the library, for which esbuild reads no file.
func (c *collector) checkSettings(b api.PluginBuild) {
	if c.options.Main == "" {
		return
	}
	b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if _, ok := args.PluginData.(nested); ok || args.Namespace == libraryNamespace {
			return api.OnResolveResult{}, nil
		}
		if path := importedPath(args); path != "" {
			if err := c.settings.checkInside(path); err != nil {
				return failed(c.options.cannotBundle(path, err), fixOf(err)), nil
			}
		}
		for _, dir := range settingsFolders(args) {
			if p := c.settings.check(dir); p != nil {
				return failed(p.Error(), fixOf(p)), nil
			}
		}
		return api.OnResolveResult{}, nil
	})
}

// settingsFolders returns the folders whose settings decide how an import is resolved.
func settingsFolders(args api.OnResolveArgs) []string {
	from := folderOf(args)
	if from == "" {
		return nil
	}
	if path := importedPath(args); path != "" {
		return []string{from, path}
	}
	dirs := []string{from}
	for dir := range above(from) {
		dirs = append(dirs, filepath.Join(dir, "node_modules", filepath.FromSlash(args.Path)))
	}
	return dirs
}

// importedPath returns the absolute path that an import means, or "" for the name of a package.
func importedPath(args api.OnResolveArgs) string {
	from, name := folderOf(args), filepath.FromSlash(args.Path)
	switch {
	case from == "":
		return ""
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	case name == "." || name == ".." || strings.HasPrefix(args.Path, "./") || strings.HasPrefix(args.Path, "../"):
		return filepath.Join(from, name)
	}
	return ""
}

// checkInside returns an error if a path leads out of the boundary. It accepts git's own paths:
// in a bare repository all paths are git's own, and the code is read from the commit.
func (s *settings) checkInside(path string) error {
	err := s.Boundary.Check(path)
	if outside := (*boundary.Error)(nil); !errors.As(err, &outside) || outside.Git {
		return nil
	}
	if _, missing := os.Lstat(filepath.Dir(path)); missing != nil {
		return nil //nolint:nilerr // esbuild reports a missing file
	}
	return err
}

// above yields a folder and all folders above it.
func above(dir string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for ; yield(dir) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		}
	}
}

// check checks the settings that apply to the files in a folder.
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

// checkFolder checks the settings in one folder. It ignores folders above the boundary, whose
// settings belong to the machine and not to the repository.
func (s *settings) checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil //nolint:nilerr // a folder that does not exist has no settings
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return &settingsError{s.display(dir), boundary.ErrIrregular} // esbuild would wait for ever for a FIFO
	}
	if rel, err := filepath.Rel(s.Boundary.Top(), dir); err == nil && filepath.IsLocal(rel) {
		// The folder's path is inside, but it may be a symlink to a folder outside.
		if err := s.checkInside(dir); err != nil {
			return &settingsError{s.display(dir), err}
		}
	}
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

// present reports whether esbuild would treat a path as a file.
func (s *settings) present(file string) bool {
	if _, err := os.Lstat(file); err != nil {
		return false
	}
	info, err := os.Stat(file)
	return err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir()
}

// readSettings reads a settings file. It returns an error for a FIFO, for which esbuild would
// wait for ever.
func (s *settings) readSettings(file string) ([]byte, error) {
	data, err := s.Boundary.ReadFile(file, maxSettings)
	if err != nil {
		return nil, &settingsError{s.display(file), err}
	}
	return data, nil
}

// settingsError reports a settings file that must not be read.
type settingsError struct {
	file string
	err  error
}

func (e *settingsError) Error() string {
	return fmt.Sprintf("%s cannot be read: %s", e.file, reason(e.err))
}

func (e *settingsError) Unwrap() error { return e.err }

// checkTypeScript refuses code whose nearest tsconfig.json is outside of the boundary, because
// the bundle would depend on the machine.
func (s *settings) checkTypeScript(dir string) error {
	if !s.Boundary.Inside(dir) || slices.Contains(strings.Split(filepath.ToSlash(dir), "/"), "node_modules") {
		return nil
	}
	file := s.nearest(dir)
	if file == "" || s.Boundary.Inside(filepath.Dir(file)) != s.none {
		return nil
	}
	if s.none {
		return &settingsError{s.display(file), errors.New("the Worker's main file has no tsconfig.json, so this one " +
			"would be ignored; put one beside that file, or at the top of " + s.Boundary.Top())}
	}
	return &settingsError{file, &boundary.Error{Path: file, Real: file, Top: s.Boundary.Top()}}
}

// nearest returns the tsconfig.json, or jsconfig.json, that applies to the files of a folder,
// or "".
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

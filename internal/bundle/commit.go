package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// committed reads the project's files from a commit, and records differences between the
// commit and the disk. A nil committed has no files.
type committed struct {
	files   fs.FS
	root    string // the folder on the disk that corresponds to the root of files
	project string // file names in messages are relative to this folder
	disk    *boundary.Boundary

	mu      sync.Mutex
	missing map[string]bool // files that are not in the commit and were read from the disk
	differ  map[string]bool // files that were read from the commit and differ on the disk
}

func newCommitted(o Options, project string, disk *boundary.Boundary) (*committed, error) {
	if o.Commit == nil {
		return nil, nil
	}
	c := &committed{
		files: o.Commit, root: project, project: project, disk: disk,
		missing: map[string]bool{}, differ: map[string]bool{},
	}
	if o.CommitRoot != "" {
		var err error
		if c.root, err = resolveFolder(o.CommitRoot); err != nil {
			return nil, fmt.Errorf("bundle: find the repository %s: %w", o.CommitRoot, err)
		}
	}
	return c, nil
}

// name returns the name that a file on the disk has in the commit. ok is false for a file that
// no commit can have: one outside of the root, or of an installed package.
func (c *committed) name(file string) (name string, ok bool) {
	if c == nil {
		return "", false
	}
	rel, err := filepath.Rel(c.root, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	name = filepath.ToSlash(rel)
	return name, !slices.Contains(strings.Split(name, "/"), "node_modules")
}

// read returns a file of the commit. ok is false if the commit does not have it.
func (c *committed) read(file string) (content []byte, ok bool, err error) {
	name, ok := c.name(file)
	if !ok {
		return nil, false, nil
	}
	content, err = fs.ReadFile(c.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		c.note(c.missing, file)
		return nil, false, nil
	}
	if err != nil {
		return nil, true, fmt.Errorf("read it from the commit: %w", err)
	}
	if onDisk, err := c.disk.ReadFile(file, maxBytes); err == nil && !sameText(content, onDisk) {
		c.note(c.differ, file)
	}
	return content, true, nil
}

// sameText compares two texts. It ignores line endings, which git may change in a checkout.
func sameText(a, b []byte) bool {
	cr, lf := []byte("\r\n"), []byte("\n")
	return bytes.Equal(a, b) || bytes.Equal(bytes.ReplaceAll(a, cr, lf), bytes.ReplaceAll(b, cr, lf))
}

func (c *committed) note(set map[string]bool, file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	set[display(c.project, file)] = true
}

// has reports whether the commit has a regular file.
func (c *committed) has(file string) bool {
	name, ok := c.name(file)
	if !ok {
		return false
	}
	st, err := fs.Stat(c.files, name)
	return err == nil && st.Mode().IsRegular()
}

// filesBelow lists the commit's files below a folder, with their paths on the disk.
func (c *committed) filesBelow(dir string) ([]string, error) {
	base, ok := c.name(dir)
	if !ok {
		return nil, nil
	}
	var list []string
	err := fs.WalkDir(c.files, base, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == base:
			return fs.SkipAll // the folder exists only on the disk
		case err != nil:
			return err
		case d.IsDir() && name != base && skipped(d.Name()):
			return fs.SkipDir
		case d.Type().IsRegular():
			list = append(list, filepath.Join(c.root, filepath.FromSlash(name)))
		}
		return nil
	})
	return list, err
}

// skipped reports whether a folder of this name is never searched for modules.
func skipped(dir string) bool { return dir == "node_modules" || strings.HasPrefix(dir, ".") }

// report adds notices about files that were not read from the commit, and about a tsconfig.json
// that differs from it.
func (c *committed) report(r *Result, tsconfig string) {
	if c == nil {
		return
	}
	r.Differ = slices.Sorted(maps.Keys(c.differ))
	if list := slices.Sorted(maps.Keys(c.missing)); len(list) > 0 {
		reason := "the commit does not have this file of the Worker, so it was read from the work tree"
		if n := len(list) - 1; n > 0 {
			reason = fmt.Sprintf("the commit does not have this file of the Worker and %d more, "+
				"so they were read from the work tree", n)
		}
		r.Notices = append(r.Notices, manifest.Problem{Path: list[0], Reason: reason})
	}
	if name, ok := c.name(tsconfig); ok {
		want, err := fs.ReadFile(c.files, name)
		have, missing := c.disk.ReadFile(tsconfig, maxBytes)
		if err == nil && (missing != nil || !sameText(want, have)) {
			r.Notices = append(r.Notices, manifest.Problem{
				Path:   display(c.project, tsconfig),
				Reason: "the file is read from the work tree, where it differs from the commit",
				Fix:    "check out the commit if the difference matters",
			})
		}
	}
}

// tsconfig returns the path of the tsconfig.json that applies to the Worker, or "".
func (p *project) tsconfig() string {
	if p.Tsconfig != "" {
		if filepath.IsAbs(p.Tsconfig) {
			return p.Tsconfig
		}
		return filepath.Join(p.Root, filepath.FromSlash(p.Tsconfig))
	}
	if p.Main == "" {
		return ""
	}
	for dir := filepath.Dir(p.Main); ; dir = filepath.Dir(dir) {
		if file := filepath.Join(dir, "tsconfig.json"); p.exists(file) {
			return file
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// resolveCommitted is a plugin that resolves relative imports in the commit, whose files may
// not exist on the disk.
func (c *collector) resolveCommitted(b api.PluginBuild) {
	o := c.options
	relative := api.OnResolveOptions{Filter: `^\.\.?(/|$)`, Namespace: "file"}
	b.OnResolve(relative, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		for _, candidate := range candidates(filepath.Join(folderOf(args), filepath.FromSlash(args.Path))) {
			if o.committed.has(candidate) {
				return api.OnResolveResult{Path: candidate, Namespace: "file"}, nil
			}
		}
		return api.OnResolveResult{}, nil
	})
	b.OnResolve(api.OnResolveOptions{Filter: `.*`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if args.Kind == api.ResolveEntryPoint && args.Path == o.Main {
			return api.OnResolveResult{Path: o.Main, Namespace: "file"}, nil
		}
		return api.OnResolveResult{}, nil
	})
}

// folderOf returns the folder to which an import is relative. That is not always ResolveDir:
// for a file that is only in the commit, ResolveDir is the nearest folder on the disk.
func folderOf(args api.OnResolveArgs) string {
	if args.Namespace == "file" && filepath.IsAbs(args.Importer) {
		return filepath.Dir(args.Importer)
	}
	return args.ResolveDir
}

// extensions are tried for an import without an extension, in esbuild's order.
var extensions = []string{".tsx", ".ts", ".jsx", ".js", ".mts", ".mjs", ".json"}

// candidates lists the files that a relative import can mean: the path itself, the path with an
// extension, the TypeScript file for a JavaScript name, and the index file of a folder.
func candidates(base string) []string {
	list := []string{base}
	for _, e := range extensions {
		list = append(list, base+e)
	}
	switch ext := filepath.Ext(base); ext {
	case ".js", ".jsx":
		stem := strings.TrimSuffix(base, ext)
		list = append(list, stem+".ts", stem+".tsx")
	case ".mjs":
		list = append(list, strings.TrimSuffix(base, ext)+".mts")
	case ".cjs":
		list = append(list, strings.TrimSuffix(base, ext)+".cts")
	}
	for _, e := range extensions {
		list = append(list, filepath.Join(base, "index"+e))
	}
	return list
}

package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/realpath"
)

// read reads a file of the project: from the commit, or from the disk inside of the boundary.
func (p *project) read(file string) ([]byte, error) {
	p.reportRead(file)
	if b, ok, err := p.committed.read(file); ok || err != nil {
		return b, err
	}
	return p.Boundary.ReadFile(file, maxBytes)
}

// fixOf returns advice for an author whose file cannot be read.
func fixOf(err error) string {
	outside := (*boundary.Error)(nil)
	switch {
	case errors.As(err, &outside) && outside.Git, errors.Is(err, boundary.ErrCredentials):
		return "remove the import; give secrets to the Worker as secrets (wrangler secret put)"
	case errors.As(err, &outside) && strings.Contains(filepath.ToSlash(outside.Path), "/node_modules/"):
		return "install the packages inside of " + outside.Top + ", without links to other places"
	case errors.As(err, &outside):
		return "copy the file into " + outside.Top + ", if it should be part of the Worker"
	case errors.Is(err, boundary.ErrIrregular):
		return "replace it by a file, or remove the import"
	}
	return "correct the import"
}

// load is a plugin that reads every file for esbuild, which reads none itself. So the content
// that was checked is the content that is bundled. For a file that must not be read, load
// returns an error, and esbuild adds the file and the line of the import.
func (c *collector) load(b api.PluginBuild) {
	b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "file"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		o := c.options
		loader, problem := loaderOf(args.With)
		if problem != "" {
			return api.OnLoadResult{Errors: []api.Message{{Text: problem}}}, nil
		}
		src, err := o.read(args.Path)
		if err != nil {
			return api.OnLoadResult{Errors: []api.Message{{
				Text:  o.cannotBundle(args.Path, err),
				Notes: []api.Note{{Text: fixOf(err)}},
			}}}, nil
		}
		contents := string(o.inlineMap(args.Path, src))
		from := realpath.NearestFolder(filepath.Dir(args.Path)) // esbuild searches packages from there
		return api.OnLoadResult{Contents: &contents, Loader: loader, ResolveDir: from}, nil
	})
}

// cannotBundle returns the message about a file that cannot be bundled. It names a file outside
// of the boundary by its absolute path.
func (p *project) cannotBundle(file string, err error) string {
	name := filepath.ToSlash(file)
	if p.Boundary.Inside(file) {
		name = p.display(file)
	}
	return fmt.Sprintf("%s cannot be bundled: %s", name, reason(err))
}

// loaderOf returns the loader for an import's attributes. It follows esbuild.
func loaderOf(with map[string]string) (loader api.Loader, problem string) {
	loader = api.LoaderDefault
	for name, value := range with {
		switch {
		case name != "type":
			return 0, fmt.Sprintf("Importing with the %q attribute is not supported", name)
		case value == "json":
			loader = api.LoaderJSON
		case value == "text":
			loader = api.LoaderText
		case value == "bytes":
			loader = api.LoaderBinary
		default:
			return 0, fmt.Sprintf("Importing with a type attribute of %q is not supported", value)
		}
	}
	return loader, ""
}

// exists reports whether a file exists and may be read, in the commit or on the disk.
func (p *project) exists(file string) bool {
	if p.committed.has(file) {
		return true
	}
	st, err := p.Boundary.Stat(file)
	return err == nil && st.Mode().IsRegular()
}

// reason returns an error's text without the absolute path that package os adds.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

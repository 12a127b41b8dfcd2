package bundle

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

var errOutside = errors.New("it lies outside of the repository, or is git's own, and no such file is read here")

// within reports whether a file may be read from the disk: whether it lies in
// the folder that the code is confined to and is not git's own, by its name and by
// what its symlinks lead to.
func (o *project) within(file string) bool {
	if o.Within == "" {
		return true
	}
	root, err := realpath(o.Within)
	if err != nil {
		return false
	}
	if file, err = realpath(file); err != nil {
		return true // it is not there, which whoever reads it finds out
	}
	rel, err := filepath.Rel(root, file)
	if err != nil || !filepath.IsLocal(rel) {
		return false
	}
	if slices.ContainsFunc(strings.Split(filepath.ToSlash(rel), "/"), func(name string) bool { return strings.EqualFold(name, ".git") }) {
		return false // a repository's settings may hold a token
	}
	if o.Hidden == "" {
		return true
	}
	hidden, err := realpath(o.Hidden)
	if err != nil {
		return false
	}
	rel, err = filepath.Rel(hidden, file)
	return err == nil && !filepath.IsLocal(rel)
}

// confine refuses what esbuild itself would read from elsewhere.
func (c *collector) confine(b api.PluginBuild) {
	b.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "file"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		if !c.options.within(args.Path) {
			return api.OnLoadResult{}, errOutside
		}
		return api.OnLoadResult{}, nil
	})
}

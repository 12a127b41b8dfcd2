package bundle

import (
	"errors"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

var errOutside = errors.New("it lies outside of the repository, and no file from there is read here")

// within reports whether a file may be read from the disk: whether it lies in
// the folder that the code is confined to, by its name and by what its symlinks
// lead to.
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
	return err == nil && filepath.IsLocal(rel)
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

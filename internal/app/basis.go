package app

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// Basis is what decides what a deploy of a folder makes live: who watches it knows
// when to deploy again.
type Basis struct {
	// Paths are files, and folders with all that is below, absolute and in order,
	// whether they are there or not.
	Paths []string
	// Skip reports the folders below them that do not matter.
	Skip func(dir string) bool
}

// BasisOf is what is known of it while the configuration cannot be read.
func BasisOf(in Inputs) Basis {
	in = in.withDefaults()
	placed, shared, err := in.placeIn(os.DirFS(in.Root))
	if err != nil {
		placed = in
	}
	var paths []string
	for _, name := range config.Candidates() {
		paths = append(paths, filepath.Join(placed.Root, filepath.FromSlash(name)))
	}
	if shared != "" {
		paths = append(paths, filepath.Join(shared, config.ProjectFile))
	}
	if file := cmp.Or(placed.Config, in.Getenv("KV_SYNC_CONFIG")); file != "" {
		paths = append(paths, under(placed.Root, file))
	}
	return Basis{Paths: inOrder(paths), Skip: unrelated}
}

// Basis is what the site is made of. Once it was deployed, or was not because of its
// code, that is all of it; before that, all but the Worker's code.
func (s *Site) Basis() Basis {
	set := s.settings
	paths := BasisOf(s.in).Paths
	for _, file := range set.Files {
		paths = append(paths, under(set.Root, file))
	}
	skip := unrelated
	if set.Directory != "" {
		folder := under(set.Root, set.Directory)
		paths = append(paths, folder)
		for _, name := range rules.DecidingFiles { // ignore files beside the folder count as well
			paths = append(paths, filepath.Join(filepath.Dir(folder), name))
		}
		real, err := filepath.EvalSymlinks(folder)
		ignored := source.Ignored(s.sourceOptions(source.KindFolder))
		skip = func(dir string) bool {
			if err == nil && strings.HasPrefix(dir, real+string(filepath.Separator)) {
				return ignored(dir)
			}
			return unrelated(dir)
		}
	}
	s.codeFiles.Range(func(file, _ any) bool {
		paths = append(paths, file.(string))
		return true
	})
	return Basis{Paths: inOrder(paths), Skip: skip}
}

// read notes a file that the Worker's code is made of. What is installed does not
// change by itself.
func (s *Site) read(file string) {
	if !slices.Contains(strings.Split(filepath.ToSlash(file), "/"), "node_modules") {
		s.codeFiles.Store(file, true)
	}
}

// unrelated reports whether a folder of code holds none of the project's.
func unrelated(dir string) bool {
	name := filepath.Base(dir)
	return name == "node_modules" || name[0] == '.'
}

func under(root, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(root, name)
}

func inOrder(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}

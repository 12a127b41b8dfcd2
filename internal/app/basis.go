package app

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/source"
)

// Basis has the files and folders from which a deploy of a folder is made. A caller that
// watches them knows when to deploy again.
type Basis struct {
	// Paths are files and whole folders, absolute and sorted. They need not exist.
	Paths []string
	// Skip reports whether a folder below Paths does not affect the deploy.
	Skip func(dir string) bool
}

// BasisOf returns the configuration files alone. It is for a site that cannot be opened because
// of an error in them.
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
	return Basis{Paths: sorted(paths), Skip: unrelated}
}

// Basis returns what the site is made from. It includes the Worker's code only after a deploy, or
// a failed bundling, has read that code.
func (s *Site) Basis(ctx context.Context) Basis {
	set := s.settings
	paths := BasisOf(s.in).Paths
	for _, file := range set.Files {
		paths = append(paths, under(set.Root, file))
	}
	skip := unrelated
	if set.Directory != "" {
		folder := under(set.Root, set.Directory)
		options := s.sourceOptions(source.KindFolder)
		paths = append(append(paths, folder), source.IgnoreFilesAbove(options)...)
		real, err := filepath.EvalSymlinks(folder)
		ignored := source.Ignored(ctx, options)
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
	return Basis{Paths: sorted(paths), Skip: skip}
}

// read records a file of the Worker's code. It leaves out node_modules, whose files only change
// by an installation.
func (s *Site) read(file string) {
	if !slices.Contains(strings.Split(filepath.ToSlash(file), "/"), "node_modules") {
		s.codeFiles.Store(file, true)
	}
}

// unrelated reports whether a folder contains no code of the project.
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

func sorted(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}

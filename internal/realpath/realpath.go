// Package realpath looks at paths that may not exist yet.
//
//	folder := realpath.NearestFolder("/site/new/page") // "/site", if it has no folder new
package realpath

import (
	"os"
	"path/filepath"
)

// Resolve resolves the symlinks in the part of a path that exists.
func Resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(Resolve(parent), filepath.Base(path))
	}
	return path
}

// NearestFolder returns the folder, or the nearest folder above it that exists.
func NearestFolder(path string) string {
	for {
		info, err := os.Stat(path)
		if parent := filepath.Dir(path); (err != nil || !info.IsDir()) && parent != path {
			path = parent
			continue
		}
		return path
	}
}

//go:build !unix

package hooks

import "io/fs"

// private accepts every file. On this system access control lists decide who can read a
// file, and its mode does not show them.
func private(fs.FileInfo) error { return nil }

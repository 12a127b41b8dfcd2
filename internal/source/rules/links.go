package rules

import (
	"path"
	"strings"
)

// Reasons to refuse a symlink.
var (
	LinkLeaves = Problem{
		"the symlink leaves the directory that is published",
		"replace it by the file, or name it in " + AssetsIgnoreFile,
	}
	LinkDangles = Problem{"the symlink leads to nothing", "fix or remove it"}
	LinkToDir   = Problem{
		"the symlink leads to a directory",
		"replace it by the directory, or name it in " + AssetsIgnoreFile,
	}
	LinkToHidden = Problem{
		"the symlink leads to a file that is not published itself",
		"replace it by the file if it is meant to be public",
	}
)

// MaxLinks bounds chains of symlinks, as Linux does.
const MaxLinks = 40

// ResolveLink returns the path that the symlink at a path leads to. Both paths are relative to
// the root. It returns false if the symlink leaves the root.
func ResolveLink(at, text string) (string, bool) {
	if path.IsAbs(text) || text == "" || strings.ContainsAny(text, "\x00\\") {
		return "", false
	}
	rel := path.Join(path.Dir(at), text)
	if rel == "." || rel == ".." || strings.HasPrefix(rel, "../") {
		return "", false
	}
	return rel, true
}

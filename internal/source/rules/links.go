package rules

import (
	"path"
	"strings"
)

// Reasons to refuse a symlink.
var (
	LinkLeaves   = Problem{"the symlink leaves the directory that is published", "replace it by the file, or name it in " + AssetsIgnoreFile}
	LinkDangles  = Problem{"the symlink leads to nothing", "mend or remove it"}
	LinkToDir    = Problem{"the symlink leads to a directory", "replace it by the directory, or name it in " + AssetsIgnoreFile}
	LinkToHidden = Problem{"the symlink leads to a file that is not published itself", "replace it by the file if it is meant to be public"}
)

// maxLinks bounds chains of symlinks, as Linux does.
const MaxLinks = 40

// resolveLink returns the path, relative to the root, that a link at a path
// leads to, and false if that leaves the root.
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

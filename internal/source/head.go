package source

import (
	"os"
	"path/filepath"
	"strings"
)

// branch returns the name of the branch that is checked out, or "".
func (r *repository) branch() string {
	text, err := os.ReadFile(filepath.Join(r.gitDir, "HEAD"))
	if err != nil {
		return ""
	}
	branch, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: refs/heads/")
	if !ok || branch == ".invalid" {
		return ""
	}
	return branch
}

// headID returns the id of the commit that is checked out, or "" where it cannot
// be determined. It reads no object.
func (r *repository) headID() string {
	return headID(r.layout)
}

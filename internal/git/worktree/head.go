package worktree

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// Branch returns the name of the branch that is checked out, or "".
func (r *Repository) Branch() string {
	text, err := os.ReadFile(filepath.Join(r.GitDir, "HEAD"))
	if err != nil {
		return ""
	}
	branch, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: refs/heads/")
	if !ok || branch == ".invalid" {
		return ""
	}
	return branch
}

// HeadID returns the id of the commit that is checked out, or "" if it cannot be determined. It
// reads no object.
func (r *Repository) HeadID() string {
	return objects.HeadID(r.Layout)
}

package pull

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// inUse are the files of a work tree's git folder that name the branch that git works on there:
// the one that is checked out, and those of a rebase or a bisection in progress.
var inUse = []string{"HEAD", "rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"}

// checkFree returns an error if git works on the branch in any work tree of the repository. It
// also returns an error if the branch's name conflicts with another branch's. For example, edits
// and edits/x conflict: git stores a branch in a file, and edits/x needs a folder edits.
func (b *Branch) checkFree() error {
	gitDirs, err := filepath.Glob(filepath.Join(b.shared, "worktrees", "*"))
	if err != nil {
		return fmt.Errorf("list the work trees: %w", err)
	}
	for _, gitDir := range append(gitDirs, b.shared) {
		for _, file := range inUse {
			text, err := os.ReadFile(filepath.Join(gitDir, file)) //nolint:gosec // the repository's own
			if err != nil || !b.isNamed(strings.TrimSpace(string(text)), file) {
				continue
			}
			state := "checked out"
			if file != "HEAD" {
				state = "in a rebase or a bisection"
			}
			return fmt.Errorf("branch %s is %s; pull into the work tree and commit, or name another branch",
				b.name.Short(), state)
		}
	}
	beside, err := b.beside()
	if err != nil {
		return fmt.Errorf("list the branches: %w", err)
	}
	if beside != "" {
		return fmt.Errorf("there cannot be a branch %s beside %s; name another branch", b.name.Short(), beside)
	}
	return nil
}

// isNamed reports whether the text of one of the files inUse names the branch.
func (b *Branch) isNamed(text, file string) bool {
	switch file {
	case "HEAD":
		return text == "ref: "+b.name.String()
	case "BISECT_START":
		return text == b.name.Short()
	}
	return text == b.name.String()
}

// beside returns a branch beside which the branch's name is not possible, or "". It lists no other
// branches: a git command that runs may have an empty lock file beside any of them.
func (b *Branch) beside() (string, error) {
	name := b.name.Short()
	for end := range eachPart(name) {
		if end < len(name) {
			if above := plumbing.NewBranchReferenceName(name[:end]); b.exists(above) {
				return above.Short(), nil
			}
		}
	}
	packed, err := os.ReadFile(filepath.Join(b.shared, "packed-refs")) //nolint:gosec // the repository's own
	if err == nil {
		if _, rest, ok := strings.Cut(string(packed), " "+b.name.String()+"/"); ok {
			below, _, _ := strings.Cut(rest, "\n")
			return name + "/" + below, nil
		}
	}
	below, heads := "", filepath.Join(b.shared, "refs", "heads")
	folder := filepath.Join(heads, filepath.FromSlash(name))
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(heads, path); err == nil && d.Type().IsRegular() && filepath.ToSlash(rel) != name &&
			!strings.HasSuffix(path, ".lock") {
			below = filepath.ToSlash(rel)
			return fs.SkipAll
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	return below, err
}

func (b *Branch) exists(name plumbing.ReferenceName) bool {
	_, err := b.repo.Reference(name, false)
	return err == nil
}

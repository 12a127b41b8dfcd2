package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// gitView reports which files of a folder git does not commit. A pull must not record an edit of
// such a file as being in git.
type gitView struct {
	clone.Clone
	// folder is relative to the clone's directory. It need not exist yet.
	folder string
}

// viewOf returns the view of a folder, nil if there is no repository or no git command.
func viewOf(dir string) *gitView {
	v := &gitView{Clone: clone.New(clone.Nearest(dir), "")}
	rest, err := filepath.Rel(v.Dir, absolute(dir))
	if err != nil {
		return nil
	}
	v.folder = filepath.ToSlash(rest)
	if !command.Available() {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(worktree.Around(v.Dir), ".git")); err != nil {
		return nil
	}
	return v
}

// ignores returns the names of untracked files in the folder that git ignores.
func (v *gitView) ignores(ctx context.Context, names []string) ([]string, error) {
	var ask strings.Builder
	for _, name := range names {
		ask.WriteString("./" + path.Join(v.folder, name) + "\x00") // "./" because git interprets a leading colon
	}
	call := command.Call{Args: []string{"check-ignore", "-z", "--stdin"}, Stdin: strings.NewReader(ask.String())}
	out, err := v.Do(ctx, call)
	if failed := (*command.Error)(nil); errors.As(err, &failed) && failed.Code == 1 {
		return nil, nil // git ignores none of them
	} else if err != nil {
		return nil, fmt.Errorf("ask git what it ignores: %w", err)
	}
	var ignored []string
	for name := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		ignored = append(ignored, v.inFolder(strings.TrimPrefix(name, "./")))
	}
	return ignored, nil
}

// inFolder turns a name relative to the clone's directory into one relative to the folder.
func (v *gitView) inFolder(name string) string {
	if v.folder == "." {
		return name
	}
	return strings.TrimPrefix(name, v.folder+"/")
}

// skipped returns the files of the folder that git does not compare with the disk (skip-worktree,
// assume-unchanged), and the submodules.
func (v *gitView) skipped(ctx context.Context) (files, submodules map[string]bool, err error) {
	out, err := v.Run(ctx, "ls-files", "-z", "-v", "--stage", "--", ":(literal)"+v.folder)
	if err != nil {
		return nil, nil, fmt.Errorf("ask git what it has: %w", err)
	}
	files, submodules = map[string]bool{}, map[string]bool{}
	for line := range strings.SplitSeq(out, "\x00") {
		about, name, ok := strings.Cut(line, "\t") // "H 100644 {id} 0", then the name
		if !ok {
			continue
		}
		name = v.inFolder(name)
		switch {
		case strings.HasPrefix(about[2:], "160000 "):
			submodules[name] = true
		case about[0] == 'S' || about[0] >= 'a' && about[0] <= 'z':
			files[name] = true
		}
	}
	return files, submodules, nil
}

// unseen returns the reasons why git would not commit edits in the folder, by pathname of the
// overlay. If ignored is set, git ignores the whole folder on purpose, and that is not a reason.
func (v *gitView) unseen(
	ctx context.Context, tree *pull.WorkTree, entries []overlay.Entry, ignored bool,
) (map[string]string, error) {
	files, submodules, err := v.skipped(ctx)
	if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	var ask []string
	for i := range entries {
		pathname := entries[i].Path
		name, other, err := tree.Find(pathname)
		switch {
		case err != nil:
			return nil, err
		case other != "" || strings.Contains(pathname, "\x00"):
			continue // the pull reports the problem
		case files[pathname[1:]]:
			reasons[pathname] = "git skips this file here (sparse checkout, or skip-worktree)"
			continue
		}
		ask = append(ask, filepath.ToSlash(name))
		for above := path.Dir(pathname[1:]); above != "."; above = path.Dir(above) {
			if submodules[above] {
				reasons[pathname] = "its folder is another repository (a submodule)"
				ask = ask[:len(ask)-1]
				break
			}
		}
	}
	if ignored || len(ask) == 0 {
		return reasons, nil
	}
	none, err := v.ignores(ctx, ask)
	for _, name := range none {
		reasons["/"+name] = "git ignores this file"
	}
	return reasons, err
}

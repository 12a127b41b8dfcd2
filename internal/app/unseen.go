package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/pull"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// sight is what git sees of a folder in its work tree. A pull that went by what
// is on disk alone would note edits as being in git that no commit will have.
type sight struct {
	clone
	// folder is relative to the clone's directory, for it may not be there yet.
	folder string
}

// look returns nil where there is no repository, or no git command to ask.
func look(dir string) *sight {
	s := &sight{clone: newClone(nearest(dir), "")}
	rest, err := filepath.Rel(s.dir, absolute(dir))
	if err != nil {
		return nil
	}
	s.folder = filepath.ToSlash(rest)
	if !command.Available() {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(repositoryOf(s.dir), ".git")); err != nil {
		return nil
	}
	return s
}

// ignores reports which of some names in the folder git ignores, where it has
// not got them already.
func (s *sight) ignores(ctx context.Context, names []string) ([]string, error) {
	var ask strings.Builder
	for _, name := range names {
		ask.WriteString("./" + path.Join(s.folder, name) + "\x00") // a colon at the beginning would be git's
	}
	out, err := s.Do(ctx, command.Call{Args: []string{"check-ignore", "-z", "--stdin"}, Stdin: strings.NewReader(ask.String())})
	if failed := (*command.Error)(nil); errors.As(err, &failed) && failed.Code == 1 {
		return nil, nil // it ignores none
	} else if err != nil {
		return nil, fmt.Errorf("ask git what it ignores: %w", err)
	}
	var ignored []string
	for name := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		ignored = append(ignored, s.inFolder(strings.TrimPrefix(name, "./")))
	}
	return ignored, nil
}

// inFolder turns a name as git gives it into one in the folder.
func (s *sight) inFolder(name string) string {
	if s.folder == "." {
		return name
	}
	return strings.TrimPrefix(name, s.folder+"/")
}

// blind says of names that git has in the folder why their files on disk, or
// that there are none, do not tell what it has; and which names are other
// repositories.
func (s *sight) blind(ctx context.Context) (files, submodules map[string]bool, err error) {
	out, err := s.Run(ctx, "ls-files", "-z", "-v", "--stage", "--", ":(literal)"+s.folder)
	if err != nil {
		return nil, nil, fmt.Errorf("ask git what it has: %w", err)
	}
	files, submodules = map[string]bool{}, map[string]bool{}
	for line := range strings.SplitSeq(out, "\x00") {
		about, name, ok := strings.Cut(line, "\t") // "H 100644 {id} 0", then the name
		if !ok {
			continue
		}
		name = norm.NFC.String(s.inFolder(name))
		switch {
		case strings.HasPrefix(about[2:], "160000 "):
			submodules[name] = true
		case about[0] == 'S' || about[0] >= 'a' && about[0] <= 'z':
			files[name] = true
		}
	}
	return files, submodules, nil
}

// unseen says of an overlay's pathnames why git would not take an edit from the
// folder. With ignored, the files are meant to lie where git ignores them.
func (s *sight) unseen(ctx context.Context, tree *pull.WorkTree, entries []kvsync.OverlayEntry, ignored bool) (map[string]string, error) {
	files, submodules, err := s.blind(ctx)
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
			continue // the pull says what is wrong with it
		case files[pathname[1:]]:
			reasons[pathname] = "git is told not to look at this file here (sparse checkout, or skip-worktree)"
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
	none, err := s.ignores(ctx, ask)
	for _, name := range none {
		reasons["/"+norm.NFC.String(name)] = "git ignores this file"
	}
	return reasons, err
}

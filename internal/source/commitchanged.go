package source

import (
	"context"
	"path"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Changed implements [manifest.Source]. It reads the trees of the changed directories only.
func (c *Commit) Changed(ctx context.Context, live manifest.Origin, dirs []manifest.Dir) (changed []string, ok bool,
	err error) {
	origin, err := c.Origin(ctx)
	if _, redirects := c.rootFile(rules.RedirectsFile); err != nil || redirects || !reusable(live, origin) {
		return nil, false, err // redirects that loop depend on all files
	}
	w := &changedWalk{Commit: c, live: make(map[string]string, len(dirs)), visited: map[string]bool{},
		reused: map[string]bool{}, ok: true}
	for _, d := range dirs {
		if !strings.HasPrefix(d.Path, "/") {
			return nil, false, nil
		}
		w.live[d.Path] = d.Tree
	}
	if err := w.visit(ctx, "", c.root); err != nil || !w.ok {
		return nil, false, err
	}
	for _, d := range dirs {
		if !w.covered(d.Path) {
			w.changed = append(w.changed, d.Path)
		}
	}
	return w.changed, true, nil
}

// reusable reports whether equal trees mean equal listings.
func reusable(live, origin manifest.Origin) bool {
	return live.Kind == KindCommit && live.Rules == origin.Rules && live.Dir == origin.Dir
}

// changedWalk visits the directories of a commit that are not as they are live.
type changedWalk struct {
	*Commit
	live    map[string]string // the trees by path, "" if unknown
	changed []string
	visited map[string]bool
	reused  map[string]bool // they are as they are live
	size    objects.Extent
	ok      bool
}

// visit visits a directory whose tree is not the live one.
func (w *changedWalk) visit(ctx context.Context, rel string, entries []objects.Entry) error {
	if err := w.size.Enter(entries, rel); err != nil {
		return err
	}
	w.changed, w.visited[dirPath(rel)] = append(w.changed, dirPath(rel)), true
	for _, e := range entries {
		at := rel + e.Name
		switch {
		case rel != "" && (e.Name == rules.AssetsIgnoreFile || e.Name == attributes.File):
			w.ok = false // the directories below may be listed otherwise, although they did not change
		case e.Kind() != objects.ModeDir:
		case w.live[rules.Pathname(at)] == e.ID:
			w.reused[rules.Pathname(at)] = true
		default:
			below, err := w.objects.Tree(ctx, e.ID)
			if err != nil {
				return err
			}
			if err := w.visit(ctx, at+"/", below); err != nil || !w.ok {
				return err
			}
		}
	}
	return ctx.Err()
}

// covered reports whether a live directory was visited, or is in one that did not change. The root is
// always visited.
func (w *changedWalk) covered(dir string) bool {
	for at := dir; ; at = path.Dir(at) {
		if w.reused[at] {
			return true
		}
		if w.visited[at] {
			return at == dir
		}
	}
}

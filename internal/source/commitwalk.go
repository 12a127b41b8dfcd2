package source

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// commitWalk lists the files of a commit, for one call of Files.
type commitWalk struct {
	*Commit
	*rules.Listing
	base            *base
	opening         *opening
	attributes      *attributes.Scope // of the published directory
	hasAssetsIgnore bool
	found           []foundBlob
	symlinks        []foundBlob
	// notReusable are directories that contain a symlink, so their listing depends on more than
	// their tree. They are not recorded, so no later deploy reuses them.
	notReusable map[string]bool
	size        objects.Extent
}

// foundBlob is a file to publish.
type foundBlob struct {
	rel, id    string
	conversion attributes.Conversion
}

// directory is a tree that is walked.
type directory struct {
	// rel is "" for the root, else ends in a slash.
	rel, tree string
	entries   []objects.Entry
	// patterns and attributes are those of the parent directory, and at the root its own attributes.
	patterns   *ignore.Scope
	attributes *attributes.Scope
	// nested reports whether a directory above it, other than the root, has an .assetsignore or
	// a .gitattributes. Then it is not reused, because its listing depends on more than its tree.
	nested bool
}

// list lists one tree.
func (w *commitWalk) list(ctx context.Context, d directory) error {
	if err := cmp.Or(ctx.Err(), w.size.Enter(d.entries, d.rel)); err != nil {
		return err
	}
	patterns, attributes, err := w.scopes(ctx, d)
	if err != nil {
		return err
	}
	if !d.nested {
		w.Dirs = append(w.Dirs, manifest.Dir{Path: dirPath(d.rel), Tree: d.tree})
	}
	nested := d.nested || d.rel != "" && (patterns != d.patterns || attributes != d.attributes)
	for _, e := range d.entries {
		if p := rules.CheckName(e.Name); p != (rules.Problem{}) {
			w.Refuse(d.rel+e.Name, p)
			continue
		}
		at := d.rel + e.Name
		isDir := e.Kind() == objects.ModeDir
		if s := rules.Select(patterns, nil, at, isDir); s != rules.Published {
			w.Exclude(s, at, isDir)
			continue
		}
		switch e.Kind() {
		case objects.ModeDir:
			if !nested && w.reuse(at, e.ID) {
				continue
			}
			entries, err := w.objects.Tree(ctx, e.ID)
			if err != nil {
				return err
			}
			below := directory{at + "/", e.ID, entries, patterns, attributes, nested}
			if err := w.list(ctx, below); err != nil {
				return err
			}
		case objects.ModeFile:
			w.found = append(w.found, foundBlob{at, e.ID, attributes.Of(w.repoPath(at))})
		case objects.ModeLink:
			w.symlinks = append(w.symlinks, foundBlob{rel: at, id: e.ID})
		case objects.ModeGitlink:
			w.Notice(at, "a submodule is not published",
				"deploy a folder in which it is checked out, or name it in "+rules.AssetsIgnoreFile)
		default:
			reason := fmt.Sprintf("the tree gives it the unknown mode %o", e.Mode)
			w.Refuse(at, rules.Problem{Reason: reason, Fix: "remove it from the commit"})
		}
	}
	return nil
}

// scopes returns the patterns and the attributes that are in force in a directory.
func (w *commitWalk) scopes(ctx context.Context, d directory) (*ignore.Scope, *attributes.Scope, error) {
	patterns := d.patterns
	for _, e := range d.entries {
		if e.Kind() != objects.ModeFile || e.Name != rules.AssetsIgnoreFile {
			continue
		}
		text, err := blobText(ctx, w.objects, e.ID)
		if err != nil {
			return nil, nil, err
		}
		patterns = patterns.Within(d.rel, string(text))
	}
	inForce, err := w.attributesIn(ctx, d.attributes, d.rel, d.entries)
	return patterns, inForce, err
}

// dirPath returns a directory's pathname as in [manifest.Dir].
func dirPath(rel string) string {
	if rel == "" {
		return "/"
	}
	return rules.Pathname(strings.TrimSuffix(rel, "/"))
}

// reuse lists a directory from the live manifest, and reports whether it could: the directory's
// tree is the same.
func (w *commitWalk) reuse(rel, tree string) bool {
	path := rules.Pathname(rel)
	if w.base.tree(path) != tree {
		return false
	}
	for _, a := range w.base.below(path) {
		a.Blob.Nonce = manifest.Nonce{}
		w.Add(manifest.File{Asset: a, Open: w.opening.of(a.OID, a.Size)})
	}
	w.Dirs = append(w.Dirs, w.base.dirsFrom(path)...)
	return true
}

// links resolves the symlinks of the tree.
func (w *commitWalk) links(ctx context.Context) error {
	for _, link := range w.symlinks {
		target, p, err := w.target(ctx, link)
		if err != nil {
			return err
		}
		if p != (rules.Problem{}) {
			w.Refuse(link.rel, p)
			continue
		}
		target.rel = link.rel
		w.found = append(w.found, target)
		w.markFoldersNotReusable(link.rel)
	}
	return nil
}

// markFoldersNotReusable records that the listing of the folders of a file depends on more than
// their trees.
func (w *commitWalk) markFoldersNotReusable(rel string) {
	if w.notReusable == nil {
		w.notReusable = map[string]bool{}
	}
	for dir := path.Dir(rel); dir != "."; dir = path.Dir(dir) {
		w.notReusable[rules.Pathname(dir)] = true
	}
}

// dirs removes the directories that later deploys must not reuse: those in notReusable, and those
// that a damaged tree has twice.
func (w *commitWalk) dirs() {
	count := map[string]int{}
	for _, d := range w.Dirs {
		count[d.Path]++
	}
	kept := w.Dirs[:0]
	for _, d := range w.Dirs {
		if count[d.Path] == 1 && !w.notReusable[d.Path] {
			kept = append(kept, d)
		}
	}
	w.Dirs = kept
}

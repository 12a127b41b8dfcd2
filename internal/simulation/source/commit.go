package source

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Files are contents by pathname.
type Files map[string]string

// Commit is a commit of a repository.
type Commit struct {
	ID    string
	Files Files
	// Order has the commits of the repository, oldest first.
	Order      []string
	Repository string
	Time       time.Time

	hashed
}

// hashed are the hashes of files.
type hashed struct {
	ids    map[string]string // in git, by pathname
	hashes map[string]string // by which the checker knows them, by pathname
	tree   string            // of all of them
	dirs   []manifest.Dir    // each with the tree of all below it
}

func hash(f Files) hashed {
	out := hashed{ids: make(map[string]string, len(f)), hashes: make(map[string]string, len(f))}
	tree := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		out.ids[name], out.hashes[name] = oid(f[name]), inspect.HashOf(f[name])
		fmt.Fprintf(tree, "%q %s\n", name, out.ids[name])
	}
	out.tree = fmt.Sprintf("%.40x", tree.Sum(nil))
	out.dirs = trees(out.ids)
	return out
}

// trees are the directories of files, of which it has the ids in git.
func trees(ids map[string]string) (dirs []manifest.Dir) {
	below := map[string][]string{"/": nil}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		for dir := path.Dir(name); ; dir = path.Dir(dir) {
			below[dir] = append(below[dir], name+" "+ids[name])
			if dir == "/" {
				break
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(below)) {
		dirs = append(dirs, manifest.Dir{Path: dir, Tree: oid(strings.Join(below[dir], "\n"))})
	}
	return dirs
}

// Rebuilt is another build of the commit, with other files.
func (c *Commit) Rebuilt(f Files) *Commit {
	out := *c
	out.Files, out.hashed = f, hash(f)
	return &out
}

// Differs says how the files that are live differ from these, or is "".
func (h hashed) Differs(live inspect.Live) string {
	for path, want := range h.hashes {
		if live.Files[path] != want {
			return "of " + path + " the wrong content is live, or none"
		}
	}
	if len(live.Files) != len(h.hashes) {
		return fmt.Sprintf("%d files are live, want %d", len(live.Files), len(h.hashes))
	}
	return ""
}

// Repository makes a history of commits, each newer than the one before.
func Repository(name string, contents ...Files) []*Commit {
	var all []*Commit
	var order []string
	for i, f := range contents {
		id := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s %d", name, i)))[:40]
		order = append(order, id)
		all = append(all, &Commit{ID: id, Files: f, Repository: name, Time: time.Unix(900_000_000+int64(i), 0),
			hashed: hash(f)})
	}
	for _, c := range all {
		c.Order = order
	}
	return all
}

// Origin implements [manifest.Source].
func (c *Commit) Origin(context.Context) (manifest.Origin, error) {
	return manifest.Origin{Kind: "commit", ID: "commit:" + c.tree + ":r1", Rules: "r1", Dir: "public",
		Commit: c.ID, Time: c.Time, Repository: manifest.Repository{Name: c.Repository}}, nil
}

// oid is a file's id in git.
func oid(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte("blob "+body)))[:40] }

// list lists the files. As a commit does, it gives a file's hash only where the base has the same file,
// and it leaves out those that the base counts as unread.
func (c *Commit) list(base *manifest.Manifest) []manifest.File {
	known := make(map[string]manifest.Hash)
	if base != nil {
		for _, a := range base.Assets {
			if a.OID != "" {
				known[a.OID] = a.Blob.Hash
			}
		}
	}
	all := listed(c.Files, c.Time)
	for i := range all {
		a := &all[i].Asset
		a.OID = c.ids[a.Path]
		a.Blob.Hash = known[a.OID]
	}
	if base == nil || base.Unread == 0 {
		return all
	}
	changed := c.changed(base.Dirs)
	return slices.DeleteFunc(all, func(f manifest.File) bool {
		return base.At(f.Path) == nil && !slices.Contains(changed, path.Dir(f.Path))
	})
}

// changed are the directories whose trees differ from the live ones.
func (c *Commit) changed(live []manifest.Dir) (dirs []string) {
	trees := make(map[string]string, len(live))
	for _, d := range live {
		trees[d.Path] = d.Tree
	}
	for _, d := range c.dirs {
		if trees[d.Path] != d.Tree {
			dirs = append(dirs, d.Path)
		}
		delete(trees, d.Path)
	}
	return slices.AppendSeq(dirs, maps.Keys(trees))
}

// Changed implements [manifest.Source].
func (c *Commit) Changed(_ context.Context, live manifest.Origin, dirs []manifest.Dir) ([]string, bool, error) {
	return c.changed(dirs), live.Kind == "commit", nil
}

// listed are files as a source lists them, without their hashes.
func listed(f Files, modified time.Time) (all []manifest.File) {
	for _, path := range slices.Sorted(maps.Keys(f)) {
		a := manifest.Asset{Path: path, Size: int64(len(f[path])), ContentType: "text/html; charset=utf-8",
			Modified: modified.Unix()}
		all = append(all, manifest.File{Asset: a, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(f[path])), nil
		}})
	}
	return all
}

// Compare implements [manifest.Source].
func (c *Commit) Compare(_ context.Context, active, next string) (manifest.Relation, error) {
	a, b := slices.Index(c.Order, active), slices.Index(c.Order, next)
	switch {
	case a < 0 || b < 0:
		return manifest.RelationAbsent, nil
	case a == b:
		return manifest.RelationSame, nil
	case a < b:
		return manifest.RelationNewer, nil
	}
	return manifest.RelationOlder, nil
}

// Remember implements [manifest.Source].
func (*Commit) Remember([]manifest.Asset) {}

// Source is a commit as the engine reads it. It implements [manifest.Source].
type Source struct{ *Commit }

// Of is a commit as a source.
func Of(c *Commit) Source { return Source{c} }

// Files implements [manifest.Source].
func (s Source) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	o, err := s.Origin(ctx)
	return &manifest.Listing{Origin: o, Files: s.list(base), Dirs: s.dirs}, err
}

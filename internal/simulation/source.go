package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Files are contents by pathname.
type Files map[string]string

// Commit is a commit of a repository. It implements [manifest.Source].
type Commit struct {
	ID    string
	Files Files
	// Order has the commits of the repository, oldest first.
	Order      []string
	Repository string
	Time       time.Time
}

// Repository makes a history of commits, each newer than the one before.
func Repository(name string, contents ...Files) []*Commit {
	var all []*Commit
	var order []string
	for i, f := range contents {
		id := fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s %d", name, i)))[:40]
		order = append(order, id)
		all = append(all, &Commit{ID: id, Files: f, Repository: name, Time: time.Unix(900_000_000+int64(i), 0)})
	}
	for _, c := range all {
		c.Order = order
	}
	return all
}

// Origin implements [manifest.Source].
func (c *Commit) Origin(context.Context) (manifest.Origin, error) {
	tree := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		fmt.Fprintf(tree, "%q %q\n", path, c.Files[path])
	}
	return manifest.Origin{Kind: "commit", ID: fmt.Sprintf("commit:%.40x:r1", tree.Sum(nil)), Rules: "r1", Dir: "public",
		Commit: c.ID, Time: c.Time, Repository: manifest.Repository{Name: c.Repository}}, nil
}

// differs says how the files that are live differ from the commit's, or is "".
func (c *Commit) differs(live inspect.Live) string {
	for path, body := range c.Files {
		if sum := sha256.Sum256([]byte(body)); live.Files[path] != hex.EncodeToString(sum[:]) {
			return "of " + path + " the wrong content is live, or none"
		}
	}
	if len(live.Files) != len(c.Files) {
		return fmt.Sprintf("%d files are live, want %d", len(live.Files), len(c.Files))
	}
	return ""
}

// oid is a file's id in git.
func oid(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte("blob "+body)))[:40] }

// Files implements [manifest.Source]. As a commit does, it gives a file's hash only where the
// base has the same file.
func (c *Commit) list(base *manifest.Manifest) []manifest.File {
	known := make(map[string]manifest.Hash)
	if base != nil {
		for _, a := range base.Assets {
			if a.OID != "" {
				known[a.OID] = a.Blob.Hash
			}
		}
	}
	var all []manifest.File
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		body := c.Files[path]
		a := manifest.Asset{Path: path, Size: int64(len(body)), ContentType: "text/html; charset=utf-8",
			Modified: c.Time.Unix(), OID: oid(body)}
		a.Blob.Hash = known[a.OID]
		all = append(all, manifest.File{Asset: a, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(body)), nil
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

// source is a commit as the engine reads it.
type source struct{ *Commit }

// Files implements [manifest.Source].
func (s source) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	o, err := s.Origin(ctx)
	return &manifest.Listing{Origin: o, Files: s.list(base)}, err
}

// worker is code that gets no request before the site does.
var worker = cloud.Worker{
	Main: "main.js", CompatibilityDate: "2026-11-01", Routing: &manifest.Routing{},
	Modules: []cloud.Module{{Name: "main.js", Type: "application/javascript+module",
		Content: []byte("export default { fetch() { return new Response('ok') } }")}},
}

package source

import (
	"context"
	"strings"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/attributes"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// target returns the file that a symlink of the tree leads to. The target must be in the
// published directory, and no directory of its path may be a symlink.
func (w *commitWalk) target(ctx context.Context, link foundBlob) (f foundBlob, p rules.Problem, err error) {
	for range rules.MaxLinks {
		text, err := blobText(ctx, w.objects, link.id)
		if err != nil {
			return f, p, err
		}
		rel, ok := rules.ResolveLink(link.rel, string(text))
		if !ok {
			return f, rules.LinkLeaves, nil
		}
		entry, inForce, p, err := w.look(ctx, rel)
		if err != nil || p != (rules.Problem{}) {
			return f, p, err
		}
		if entry.Kind() == objects.ModeFile {
			return foundBlob{rel, entry.ID, inForce.Of(w.repoPath(rel))}, p, nil
		}
		link = foundBlob{rel: rel, id: entry.ID}
	}
	return f, rules.LinkDangles, nil
}

// look finds the file or symlink at the path rel, the target of a symlink, and the attributes that
// are in force there.
func (w *commitWalk) look(
	ctx context.Context, rel string,
) (entry objects.Entry, inForce *attributes.Scope, p rules.Problem, err error) {
	patterns := (*ignore.Scope)(nil).Within("", rules.PatternText(w.options.Patterns))
	d := directory{entries: w.root, patterns: patterns, attributes: w.attributes}
	for rest := rel; ; {
		name, below, more := strings.Cut(rest, "/")
		entry = objects.Entry{}
		for _, e := range d.entries {
			if e.Name == name {
				entry = e
			}
		}
		if d.patterns, d.attributes, err = w.scopes(ctx, d); err != nil {
			return entry, nil, p, err
		}
		isDir := entry.Kind() == objects.ModeDir
		switch {
		case entry.ID == "" || more && !isDir || entry.Kind() == objects.ModeGitlink:
			return entry, nil, rules.LinkDangles, nil
		case rules.Select(d.patterns, nil, d.rel+name, isDir) != rules.Published || boundary.Credentials(name):
			return entry, nil, rules.LinkToHidden, nil
		case !more && isDir:
			return entry, nil, rules.LinkToDir, nil
		case !more:
			return entry, d.attributes, p, nil
		}
		if d.entries, err = w.objects.Tree(ctx, entry.ID); err != nil {
			return entry, nil, p, err
		}
		d.rel, rest = d.rel+name+"/", below
	}
}

package source

import (
	"context"
	"strings"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// target returns the blob that a symlink of the tree leads to. The target must be in the
// published directory, and no directory of its path may be a symlink.
func (w *commitWalk) target(ctx context.Context, link foundBlob) (id string, p rules.Problem, err error) {
	for range rules.MaxLinks {
		text, err := blobText(ctx, w.objects, link.id)
		if err != nil {
			return "", p, err
		}
		rel, ok := rules.ResolveLink(link.rel, string(text))
		if !ok {
			return "", rules.LinkLeaves, nil
		}
		entry, p, err := w.look(ctx, rel)
		if err != nil || p != (rules.Problem{}) {
			return "", p, err
		}
		if entry.Kind() == objects.ModeFile {
			return entry.ID, p, nil
		}
		link = foundBlob{rel, entry.ID}
	}
	return "", rules.LinkDangles, nil
}

// look finds the file or symlink at the path rel, the target of a symlink.
func (w *commitWalk) look(ctx context.Context, rel string) (objects.Entry, rules.Problem, error) {
	entries, patterns := w.root, (*ignore.Scope)(nil).Within("", rules.PatternText(w.options.Patterns))
	for at, rest := "", rel; ; {
		name, below, more := strings.Cut(rest, "/")
		var entry objects.Entry
		for _, e := range entries {
			if e.Name == name {
				entry = e
			}
			if e.Name == rules.AssetsIgnoreFile && e.Kind() == objects.ModeFile {
				text, err := blobText(ctx, w.objects, e.ID)
				if err != nil {
					return entry, rules.Problem{}, err
				}
				patterns = patterns.Within(at, string(text))
			}
		}
		isDir := entry.Kind() == objects.ModeDir
		switch {
		case entry.ID == "" || more && !isDir || entry.Kind() == objects.ModeGitlink:
			return entry, rules.LinkDangles, nil
		case rules.Select(patterns, nil, at+name, isDir) != rules.Published || boundary.Credentials(name):
			return entry, rules.LinkToHidden, nil
		case !more && isDir:
			return entry, rules.LinkToDir, nil
		case !more:
			return entry, rules.Problem{}, nil
		}
		var err error
		if entries, err = w.objects.Tree(ctx, entry.ID); err != nil {
			return entry, rules.Problem{}, err
		}
		at, rest = at+name+"/", below
	}
}

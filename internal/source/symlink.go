package source

import (
	"context"
	"strings"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// target returns the blob that a symlink of the tree leads to. A link is
// followed as long as it stays in the directory that is published, and through
// directories proper only.
func (w *commitWalk) target(ctx context.Context, link blobAt) (id string, p problem, err error) {
	for range maxLinks {
		text, err := blobText(ctx, w.objects, link.id)
		if err != nil {
			return "", p, err
		}
		rel, ok := resolveLink(link.rel, string(text))
		if !ok {
			return "", linkLeaves, nil
		}
		entry, p, err := w.look(ctx, rel)
		if err != nil || p != (problem{}) {
			return "", p, err
		}
		if entry.kind() == modeFile {
			return entry.id, p, nil
		}
		link = blobAt{rel, entry.id}
	}
	return "", linkDangles, nil
}

// look finds the file or link at a path that a link leads to.
func (w *commitWalk) look(ctx context.Context, rel string) (treeEntry, problem, error) {
	entries, patterns := w.root, (*scope)(nil).within("", w.options.patternText())
	for at, rest := "", rel; ; {
		name, below, more := strings.Cut(rest, "/")
		var entry treeEntry
		for _, e := range entries {
			if e.name == name {
				entry = e
			}
			if e.name == assetsIgnoreName && e.kind() == modeFile {
				text, err := blobText(ctx, w.objects, e.id)
				if err != nil {
					return entry, problem{}, err
				}
				patterns = patterns.within(at, string(text))
			}
		}
		isDir := entry.kind() == modeDir
		switch {
		case entry.id == "" || more && !isDir || entry.kind() == modeGitlink:
			return entry, linkDangles, nil
		case !published(patterns, nil, at+name, isDir) || boundary.Credentials(name):
			return entry, linkToHidden, nil
		case !more && isDir:
			return entry, linkToDir, nil
		case !more:
			return entry, problem{}, nil
		}
		var err error
		if entries, err = w.objects.tree(ctx, entry.id); err != nil {
			return entry, problem{}, err
		}
		at, rest = at+name+"/", below
	}
}

package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source/folder"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Open returns the source that Options.Kind selects. The caller closes it if it is an
// [io.Closer], after the last read of a file.
func Open(ctx context.Context, options Options) (manifest.Source, error) {
	options, err := options.bounded()
	if err != nil {
		return nil, err
	}
	switch options.Kind {
	case KindCommit:
		return OpenCommit(ctx, options)
	case KindFolder:
		return openAhead(ctx, options)
	case Auto:
	default:
		return nil, fmt.Errorf("source %q: use auto, commit or folder", options.Kind)
	}
	if options.Revision != "" {
		return OpenCommit(ctx, options)
	}
	commit, err := OpenCommit(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, worktree.ErrUnreadable) {
			// Deploying the folder would lose the commit, and with it the order of deployments.
			if tracked, unsure := worktree.InIndex(ctx, options.project()); tracked || unsure != nil {
				return nil, err
			}
		}
		return openFolderInstead(ctx, options, err.Error())
	}
	why, err := commit.difference(ctx)
	if err == nil && why == "" {
		options.Log.Debug("source is the commit", "commit", commit.id)
		return commit, nil
	}
	if err != nil {
		why = err.Error()
	}
	if err := commit.Close(); err != nil {
		return nil, err
	}
	return openFolderInstead(ctx, options, why)
}

// openFolderInstead opens the folder in place of the commit. why is the reason.
func openFolderInstead(ctx context.Context, options Options, why string) (manifest.Source, error) {
	options.Log.Debug("source is the folder", "because", why)
	if err := worktree.CheckSparse(ctx, options.project()); err != nil {
		return nil, fmt.Errorf("%w (%s)", err, why)
	}
	return openAhead(ctx, options)
}

// openAhead opens the folder and starts to list it in the background.
func openAhead(ctx context.Context, options Options) (manifest.Source, error) {
	f, err := OpenFolder(ctx, options)
	if err != nil {
		return nil, err
	}
	f.WalkAhead(ctx)
	return f, nil
}

// OpenFolder returns the folder as a source. The caller closes it.
func OpenFolder(ctx context.Context, options Options) (*folder.Folder, error) {
	options, err := options.bounded()
	if err != nil {
		return nil, err
	}
	return folder.Open(options.inWorkTree(ctx))
}

// IgnoreFilesAbove lists the ignore files above the folder that have an effect. They need not
// exist.
func IgnoreFilesAbove(options Options) []string {
	options, err := options.bounded()
	if err != nil {
		return nil
	}
	return options.ofFolder().IgnoreFilesAbove(options.folder())
}

// Ignored returns a function that reports whether nothing in a directory below the
// folder is published. See [folder.Publishes].
func Ignored(ctx context.Context, options Options) func(dir string) bool {
	options, err := options.bounded()
	if err != nil {
		return func(string) bool { return false }
	}
	files := options.ofFolder()
	if files.GitIgnore {
		files = options.inWorkTree(ctx)
	}
	publishes := folder.Publishes(files)
	return func(dir string) bool { return !publishes(dir, true) }
}

package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source/folder"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Kinds of source.
const (
	// Auto is a commit when the directory is tracked and clean, else a folder. It
	// is neither where the directory is tracked in a repository that cannot be
	// read ([ErrUnreadable]), or checked out in part.
	Auto       = "auto"
	KindCommit = "commit"
	KindFolder = folder.Kind
)

// Options say what to read.
type Options struct {
	// Kind is Auto (also if empty), KindCommit or KindFolder.
	Kind string
	// WorkDir is the directory that Dir is relative to, and in or above which
	// the repository lies; "" is the current directory.
	WorkDir string
	// Dir is the directory to publish; "" is WorkDir itself.
	Dir string
	// Top is the folder that the root of a bare repository's commits stands for;
	// "" is WorkDir. Where there is a work tree, that is it.
	Top string
	// Revision names the commit, "" the one checked out (HEAD). One that is
	// given makes Auto a commit.
	Revision string
	// Patterns are configured lines as in .assetsignore, which they follow.
	Patterns []string
	// HTMLHandling is [kvsync.Serving.HTMLHandling]; a redirect's loop depends
	// on it.
	HTMLHandling string
	// Boundary is where the folder, and the files that decide what is published, may
	// be; nil is the work tree that WorkDir is in, and Dir.
	Boundary *boundary.Boundary
	// CacheDir holds the stat caches; "" is kv-sync in the user's cache folder.
	// A cache that cannot be read or written costs time, nothing else.
	CacheDir string
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Log is told which source was chosen and why; nil is nobody.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Kind == "" {
		o.Kind = Auto
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WorkDir == "" {
		o.WorkDir = "."
	}
	if o.CacheDir == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			o.CacheDir = filepath.Join(dir, "kv-sync")
		}
	}
	return o
}

// bounded fills what is empty.
func (o Options) bounded() (Options, error) {
	o = o.withDefaults()
	if o.Boundary != nil {
		return o, nil
	}
	top, err := boundary.Find(o.WorkDir)
	if err == nil {
		o.Boundary, err = boundary.New(top)
	}
	if err == nil {
		err = errors.Join(o.Boundary.Hide(worktree.GitDirs(o.WorkDir, o.Getenv)...), o.Boundary.Allow(o.folder()))
	}
	if err != nil {
		return o, fmt.Errorf("find the folder %s: %w", o.folder(), err)
	}
	return o, nil
}

// folder is the directory to publish, in the file system.
func (o Options) folder() string {
	if filepath.IsAbs(o.Dir) {
		return filepath.Clean(o.Dir)
	}
	return filepath.Join(o.WorkDir, o.Dir)
}

func (o Options) project() worktree.Project {
	return worktree.Project{Dir: o.WorkDir, Folder: o.folder(), Top: o.Top, Getenv: o.Getenv}
}

// patternText holds the configured patterns, which come before the .assetsignore
// files of a source: the files have the last word.
func (o Options) patternText() string {
	text := ""
	for _, p := range o.Patterns {
		text += p + "\n"
	}
	return text
}

// Open returns the source that the options ask for. What it returns may be an
// [io.Closer]; closing it is due when no file is read any more.
func Open(ctx context.Context, options Options) (kvsync.Source, error) {
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
			// A folder would go live without its commit, and so without its order.
			if tracked, unsure := worktree.InIndex(ctx, options.project()); tracked || unsure != nil {
				return nil, err
			}
		}
		return fallBack(ctx, options, err.Error())
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
	return fallBack(ctx, options, why)
}

// fallBack opens the folder, because the commit is not what lies in it.
func fallBack(ctx context.Context, options Options, why string) (kvsync.Source, error) {
	options.Log.Debug("source is the folder", "because", why)
	if err := worktree.CheckSparse(ctx, options.project()); err != nil {
		return nil, fmt.Errorf("%w (%s)", err, why)
	}
	return openAhead(ctx, options)
}

// openAhead opens the folder and begins to list it.
func openAhead(ctx context.Context, options Options) (kvsync.Source, error) {
	f, err := OpenFolder(options)
	if err != nil {
		return nil, err
	}
	f.WalkAhead(ctx)
	return f, nil
}

// OpenFolder returns the folder as a source. Close ends it.
func OpenFolder(options Options) (*folder.Folder, error) {
	options, err := options.bounded()
	if err != nil {
		return nil, err
	}
	return folder.Open(options.ofFolder())
}

// Ignored returns a function that reports whether nothing in a directory below the
// folder is published. See [folder.Ignored].
func Ignored(options Options) func(dir string) bool {
	options, err := options.bounded()
	if err != nil {
		return func(string) bool { return false }
	}
	return folder.Ignored(options.ofFolder())
}

func (o Options) ofFolder() folder.Options {
	return folder.Options{
		Path: o.folder(), Name: o.Dir, Patterns: o.Patterns, HTMLHandling: o.HTMLHandling,
		Boundary: o.Boundary, CacheDir: o.CacheDir, Log: o.Log,
	}
}

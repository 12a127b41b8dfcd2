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
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Kinds of source.
const (
	// Auto is a commit if the files on disk that would be published are those of the commit,
	// else a folder. It is an error if the directory is tracked in a repository that cannot be
	// read ([worktree.ErrUnreadable]), or checked out in part.
	Auto       = "auto"
	KindCommit = "commit"
	KindFolder = folder.Kind
)

// Options say what to read.
type Options struct {
	// Kind is Auto (also if empty), KindCommit or KindFolder.
	Kind string
	// WorkDir is the directory that Dir is relative to. The repository is there or above; "" is
	// the current directory.
	WorkDir string
	// Dir is the directory to publish; "" is WorkDir itself.
	Dir string
	// Top is the folder to which the root of a bare repository's commits corresponds; "" means
	// WorkDir. It has no effect if there is a work tree.
	Top string
	// Revision names the commit; "" means HEAD. With a revision, Auto selects the commit.
	Revision string
	// Patterns are configured lines in the syntax of .assetsignore. They come before the lines of
	// the files.
	Patterns []string
	// GitIgnore and PlainIgnore are as in [folder.Options].
	GitIgnore, PlainIgnore bool
	// NoFiles is set if nothing is published, and Dir is the folder of the Worker's code. Auto is a
	// commit if the code is tracked and clean.
	NoFiles bool
	// Rehash reads every file on disk, even if its time stamps say that it did not change: neither
	// the stat cache nor git's index is trusted.
	Rehash bool
	// Discarded is as in [folder.Options].
	Discarded func(context.Context, manifest.Pulled) map[string]bool
	// HTMLHandling is [kvsync.Serving.HTMLHandling]. It decides whether a redirect is a loop.
	HTMLHandling string
	// Boundary limits where the folder and the files that decide what is published may be; nil
	// means the work tree around WorkDir, and Dir.
	Boundary *boundary.Boundary
	// CacheDir holds the stat caches; "" means kv-sync in the user's cache folder. Without a
	// working cache a run only takes longer.
	CacheDir string
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Log receives which source was chosen and why; nil discards it.
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
	if o.NoFiles {
		o.Patterns = []string{"*"}
	}
	if o.CacheDir == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			o.CacheDir = filepath.Join(dir, "kv-sync")
		}
	}
	return o
}

// bounded fills in the defaults, also that of the boundary.
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

// folder returns the path of the directory to publish.
func (o Options) folder() string {
	if filepath.IsAbs(o.Dir) {
		return filepath.Clean(o.Dir)
	}
	return filepath.Join(o.WorkDir, o.Dir)
}

func (o Options) project() worktree.Project {
	return worktree.Project{Dir: o.WorkDir, Folder: o.folder(), Top: o.Top, Getenv: o.Getenv}
}

// ofFolder returns the options of the folder, without the ignore files of its work tree.
func (o Options) ofFolder() folder.Options {
	return folder.Options{
		Path: o.folder(), Name: o.Dir, Patterns: o.Patterns, HTMLHandling: o.HTMLHandling,
		GitIgnore: o.GitIgnore, PlainIgnore: o.PlainIgnore,
		Boundary: o.Boundary, CacheDir: o.CacheDir, Rehash: o.Rehash, Discarded: o.Discarded, Log: o.Log,
	}
}

// inWorkTree returns the options of the folder, with the ignore files of its work tree. Reading
// them starts git, so it is for those who decide by them or count what they name.
func (o Options) inWorkTree(ctx context.Context) folder.Options {
	f := o.ofFolder()
	repo, err := worktree.Locate(ctx, o.project())
	if err != nil || repo.Top == "" {
		return f // there is no work tree to which such files apply
	}
	if at, err := repo.PathOf(o.project()); err == nil {
		f.Excludes, f.InWorkTree = repo.Excludes(ctx), at
	}
	return f
}

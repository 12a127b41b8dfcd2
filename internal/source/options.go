package source

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source/folder"
)

// Kinds of source.
const (
	// Auto is a commit if the directory is tracked and clean, else a folder. It is an error if
	// the directory is tracked in a repository that cannot be read ([worktree.ErrUnreadable]),
	// or checked out in part.
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
	// Top is the folder that the root of a bare repository's commits stands for; "" is WorkDir.
	// It does not count if there is a work tree.
	Top string
	// Revision names the commit, "" the one that is checked out (HEAD). With a revision, Auto
	// is a commit.
	Revision string
	// Patterns are configured lines as in .assetsignore. They come before those of the files.
	Patterns []string
	// HTMLHandling is [kvsync.Serving.HTMLHandling]. It decides whether a redirect is a loop.
	HTMLHandling string
	// Boundary is where the folder may be, and the files that decide what is published; nil is
	// the work tree that WorkDir is in, and Dir.
	Boundary *boundary.Boundary
	// CacheDir holds the stat caches; "" is kv-sync in the user's cache folder. A cache that
	// cannot be read or written costs only time.
	CacheDir string
	// Getenv reads the environment; nil is os.Getenv.
	Getenv func(string) string
	// Log gets which source was chosen and why; nil discards it.
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

// bounded fills in defaults, the boundary too.
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

func (o Options) ofFolder() folder.Options {
	return folder.Options{
		Path: o.folder(), Name: o.Dir, Patterns: o.Patterns, HTMLHandling: o.HTMLHandling,
		Boundary: o.Boundary, CacheDir: o.CacheDir, Log: o.Log,
	}
}

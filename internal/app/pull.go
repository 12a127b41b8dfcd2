package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// PullOptions say where run-time edits go.
type PullOptions struct {
	// Branch makes a commit on that branch; "" changes the work tree and commits
	// nothing.
	Branch string
	// Into is the folder in which the site's files lie in git, relative to the
	// project, where that is not the one that is published; "" is that one.
	Into string
	// Resolved are pathnames of conflicts that a person has merged.
	Resolved []string
	// SaveConflicts is a folder to which the run-time side of conflicts is
	// written; "" is none.
	SaveConflicts string
	// DryRun changes nothing.
	DryRun bool
}

// Pulled is what a pull did.
type Pulled struct {
	*pull.Report
	// Branch and Commit are what was committed; empty without a branch, and Commit
	// also where nothing had to be.
	Branch string `json:"branch"`
	Commit string `json:"commit"`
	// Folder is what was changed, relative to the repository or the project.
	Folder string `json:"folder"`
}

// pulledTree is a [pull.Tree] that keeps the record of what was pulled.
type pulledTree interface {
	pull.Tree
	Pulled() (map[string]kvsync.Nonce, error)
	SetPulled(map[string]kvsync.Nonce) error
}

// Pull brings what was written at run time into git. Conflicts are a
// [kvsync.GuardError] beside what was done: everything else was pulled.
func (s *Site) Pull(ctx context.Context, o PullOptions) (*Pulled, error) {
	if err := s.offers("pull"); err != nil {
		return nil, err
	}
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	overlay, err := e.Overlay(ctx)
	if err != nil {
		return nil, err
	}
	out := &Pulled{Branch: o.Branch}
	if o.Branch == "" {
		err = s.pullWorkTree(ctx, overlay, o, out)
	} else {
		err = s.pullBranch(ctx, overlay, o, out)
	}
	if err != nil {
		return out, err
	}
	if o.SaveConflicts != "" && !o.DryRun {
		if err := s.saveConflicts(ctx, overlay, o.SaveConflicts, out); err != nil {
			return out, err
		}
	}
	return out, conflicts(out)
}

// pullInto does the three-way comparison and keeps the record.
func pullInto(ctx context.Context, overlay *kvsync.Overlay, tree pulledTree, o PullOptions, out *Pulled) error {
	pulled, err := tree.Pulled()
	if err != nil {
		return err
	}
	out.Report, err = pull.Pull(ctx, overlay.Entries, overlay, tree, pulled, pull.Options{
		Resolved: o.Resolved, ContentType: source.ContentType, DryRun: o.DryRun,
	})
	if err != nil || o.DryRun {
		return err
	}
	if err := tree.SetPulled(out.Pulled); err != nil {
		return fmt.Errorf("write %s: %w", kvsync.PulledName, err)
	}
	return nil
}

func (s *Site) pullWorkTree(ctx context.Context, overlay *kvsync.Overlay, o PullOptions, out *Pulled) error {
	dir, err := s.pullDir(o)
	if err != nil {
		return err
	}
	if out.Folder, err = filepath.Rel(s.settings.Root, dir); err != nil {
		out.Folder = dir
	}
	if _, err := (clone{s.settings.Root, gitEnviron()}).git(ctx, "check-ignore", "--quiet", "--", dir); err == nil && o.Into == "" {
		return &UsageError{Err: fmt.Errorf("git ignores %s, so a build makes it, and what is pulled into it would be lost", out.Folder),
			Fix: "name the folder whose files the build copies into the site, with --into"}
	}
	tree, err := pull.OpenWorkTree(dir)
	if err != nil {
		return err
	}
	defer tree.Close()
	return pullInto(ctx, overlay, tree, o, out)
}

func (s *Site) pullBranch(ctx context.Context, overlay *kvsync.Overlay, o PullOptions, out *Pulled) error {
	dir, err := s.pullDir(o)
	if err != nil {
		return err
	}
	top := repositoryOf(s.settings.Root)
	if out.Folder, err = filepath.Rel(top, dir); err != nil || !filepath.IsLocal(out.Folder) {
		return &UsageError{Err: fmt.Errorf("the folder %s is not in the repository %s", dir, top), Fix: "name one that is, with --into"}
	}
	out.Folder = filepath.ToSlash(out.Folder)
	tree, err := pull.OpenBranch(top, out.Folder, o.Branch)
	if err != nil {
		return usage(err)
	}
	if err := pullInto(ctx, overlay, tree, o, out); err != nil || o.DryRun {
		return err
	}
	out.Commit, err = tree.Commit(pull.Describe(out.Report), time.Now())
	return err
}

// pullDir is the folder in which the site's files lie in git, absolute.
func (s *Site) pullDir(o PullOptions) (string, error) {
	dir := cmp.Or(o.Into, s.settings.Directory)
	if dir == "" {
		return "", &UsageError{Err: errors.New("this project publishes no folder"), Fix: "name the one that edits go into, with --into"}
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.settings.Root, filepath.FromSlash(dir))
	}
	return dir, nil
}

// saveConflicts writes what the overlay has of each conflict into a folder of
// its own, to be merged by hand.
func (s *Site) saveConflicts(ctx context.Context, overlay *kvsync.Overlay, dir string, out *Pulled) error {
	tree, err := pull.OpenWorkTree(dir)
	if err != nil {
		return err
	}
	defer tree.Close()
	return pull.Save(ctx, out.Conflicts, overlay, tree)
}

// conflicts is the error of a pull that left something alone.
func conflicts(p *Pulled) error {
	if len(p.Conflicts) == 0 {
		return nil
	}
	paths := make([]string, len(p.Conflicts))
	for i, c := range p.Conflicts {
		paths[i] = c.Path
	}
	noun := fmt.Sprintf("%d pathnames were", len(paths))
	if len(paths) == 1 {
		noun = paths[0] + " was"
	}
	return &kvsync.GuardError{Guard: kvsync.GuardConflict,
		Text: noun + " changed both in git and at run time, and left alone",
		Fix: "merge what --save-conflicts DIR writes into the file in git (or leave the file, to drop the edit), then: kv-sync pull --resolved " +
			strings.Join(paths[:min(len(paths), 5)], " --resolved "),
	}
}

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// PullOptions are the options of [Site.Pull].
type PullOptions struct {
	// Branch is the branch on which the pull makes a commit. If it is "", the pull changes the
	// work tree and commits nothing.
	Branch string
	// Into is the folder with the site's files in git, relative to the project; "" means the
	// published folder.
	Into string
	// Resolved are pathnames of conflicts that a person has merged.
	Resolved []string
	// SaveConflicts is a folder for the run-time versions of files with conflicts; "" saves
	// none.
	SaveConflicts string
	// DryRun changes nothing.
	DryRun bool
	// discarded returns the pathnames of the record that do not count; nil means none.
	discarded func(manifest.Pulled) map[string]bool
}

// Pulled is the result of a pull.
type Pulled struct {
	*pull.Report
	// Branch is the branch of the options, Commit the new commit on it. Commit is "" if there
	// was nothing to commit.
	Branch string `json:"branch"`
	Commit string `json:"commit"`
	// Folder is the changed folder, relative to the repository or the project.
	Folder string `json:"folder"`
	done   bool
}

// Done reports whether the pull ran to its end, so that the result is complete.
func (p *Pulled) Done() bool { return p != nil && p.done }

// pulledTree is a [pull.Tree] that also stores which edits were pulled.
type pulledTree interface {
	pull.Tree
	Pulled() (manifest.Pulled, error)
	SetPulled(manifest.Pulled) error
}

// Pull brings edits made at run time into git. If there are conflicts, it pulls all other edits,
// and returns the result together with a [guard.Error].
func (s *Site) Pull(ctx context.Context, o PullOptions) (_ *Pulled, err error) {
	defer func() {
		if err != nil {
			err = &pullError{err}
		}
	}()
	if o.Branch == "" && worktree.Bare(s.settings.Root, s.in.Getenv) {
		return nil, refuse(advice.CasePulledBare, finding.Facts{})
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
	out.done = true
	if o.SaveConflicts != "" && !o.DryRun {
		if err := s.saveConflicts(ctx, overlay, o.SaveConflicts, out); err != nil {
			return out, err
		}
	}
	return out, conflicts(out)
}

// pullInto makes the three-way comparison and updates the record of pulled edits. It leaves the
// record unchanged if it has nothing to add: entries of edits that the overlay no longer has are
// harmless, and removing them would need a commit. Entries that do not count are removed, because
// they would count once somebody commits the record.
func pullInto(ctx context.Context, overlay *overlay.Snapshot, tree pulledTree, o PullOptions, out *Pulled) error {
	pulled, err := tree.Pulled()
	if err != nil {
		return err
	}
	listed := len(pulled.Writes)
	if o.discarded != nil {
		for pathname := range o.discarded(pulled) {
			delete(pulled.Writes, pathname)
		}
	}
	out.Report, err = pull.Pull(ctx, overlay.Entries, overlay, tree, pull.Options{
		Known: pulled, Resolved: o.Resolved, ContentType: rules.ContentType,
		Unpublished: rules.Unpublished, DryRun: o.DryRun,
	})
	if err != nil || o.DryRun || out.Noted && listed == len(pulled.Writes) {
		return err
	}
	if err := tree.SetPulled(out.Pulled); err != nil {
		return fmt.Errorf("write %s: %w", manifest.PulledName, err)
	}
	return nil
}

func (s *Site) pullWorkTree(ctx context.Context, overlay *overlay.Snapshot, o PullOptions, out *Pulled) error {
	dir, err := s.pullDir(o)
	if err != nil {
		return err
	}
	if out.Folder, err = filepath.Rel(worktree.Around(s.settings.Root), dir); err != nil {
		out.Folder = dir
	}
	out.Folder = filepath.ToSlash(out.Folder)
	tree, err := pull.OpenWorkTree(dir)
	if err != nil {
		return err
	}
	defer tree.Close()
	if git := viewOf(dir); git != nil {
		ignored, err := checkIgnored(ctx, git, o, out.Folder)
		if err != nil {
			return err
		}
		hidden, err := git.unseen(ctx, tree, overlay.Entries, ignored)
		if err != nil {
			return err
		}
		tree.Hide(hidden)
		o.discarded = func(p manifest.Pulled) map[string]bool { return s.discarded(ctx, dir, p) }
	}
	work := func() error { return pullInto(ctx, overlay, tree, o, out) }
	return pull.AsOwner(clone.Nearest(dir), func() error {
		if o.DryRun {
			return work()
		}
		return tree.Exclusive(ctx, work)
	})
}

// checkIgnored reports whether git ignores the whole folder. It refuses such a folder unless the
// options name it, and a folder in which git ignores the record of pulled edits.
func checkIgnored(ctx context.Context, git *gitView, o PullOptions, folder string) (whole bool, err error) {
	ignored, err := git.ignores(ctx, []string{"."})
	if err != nil {
		return false, err
	}
	whole = len(ignored) > 0
	if whole && o.Into == "" {
		return false, refuse(advice.CasePulledIgnored, finding.Facts{Path: folder})
	}
	if ignored, err = git.ignores(ctx, []string{manifest.PulledName}); err != nil {
		return false, err
	}
	if len(ignored) > 0 && !whole {
		record := path.Join(folder, manifest.PulledName)
		return false, &UsageError{
			Err: fmt.Errorf("git ignores %s, which lists the edits that a commit contains", record),
			Fix: "add a line !" + manifest.PulledName + " to .gitignore",
		}
	}
	return whole, nil
}

func (s *Site) pullBranch(ctx context.Context, overlay *overlay.Snapshot, o PullOptions, out *Pulled) error {
	dir, err := s.pullDir(o)
	if err != nil {
		return err
	}
	top := worktree.Around(s.settings.Root)
	if worktree.Bare(s.top, s.in.Getenv) {
		top = s.top
	}
	if out.Folder, err = filepath.Rel(top, dir); err != nil || !filepath.IsLocal(out.Folder) {
		return refuse(advice.CasePulledOutside, finding.Facts{Path: dir, Name: top})
	}
	out.Folder = filepath.ToSlash(out.Folder)
	tree, err := pull.OpenBranch(top, out.Folder, o.Branch)
	if err != nil {
		return partial(usage(err))
	}
	return partial(tree.AsOwner(func() error {
		if err := pullInto(ctx, overlay, tree, o, out); err != nil || o.DryRun {
			return err
		}
		out.Commit, err = tree.Commit(pull.Describe(out.Report), time.Now())
		return err
	}))
}

// partial adds what to do to an error about a partial clone.
func partial(err error) error {
	if errors.Is(err, pull.ErrPartial) {
		return &UsageError{Err: err, Fix: "pull without --branch and commit by hand"}
	}
	return err
}

// pullDir returns the absolute path of the folder with the site's files in git.
func (s *Site) pullDir(o PullOptions) (string, error) {
	dir := cmp.Or(o.Into, s.settings.Directory)
	if dir == "" {
		return "", refuse(advice.CasePulledNowhere, finding.Facts{})
	}
	return s.pathOf(dir), nil
}

// saveConflicts writes the run-time version of each file with a conflict into a folder, for
// merging by hand.
func (s *Site) saveConflicts(ctx context.Context, overlay *overlay.Snapshot, dir string, out *Pulled) error {
	tree, err := pull.OpenWorkTree(dir)
	if err != nil {
		return err
	}
	defer tree.Close()
	return pull.AsOwner(clone.Nearest(dir), func() error {
		return tree.Exclusive(ctx, func() error { return pull.Save(ctx, out.Conflicts, overlay, tree) })
	})
}

// conflicts returns the guard's error for a pull with conflicts, otherwise nil.
func conflicts(p *Pulled) error {
	if len(p.Conflicts) == 0 {
		return nil
	}
	flags := ""
	for _, c := range p.Conflicts[:min(len(p.Conflicts), 5)] {
		flags += " " + Resolved(c)
	}
	if len(p.Conflicts) > 5 {
		flags += " …"
	}
	facts := finding.Facts{Count: len(p.Conflicts), What: flags}
	if len(p.Conflicts) > 1 {
		return stop(guard.Conflict, advice.CaseConflicts, facts)
	}
	facts.Path, facts.Cause = p.Conflicts[0].Path, errors.New(p.Conflicts[0].Reason)
	return stop(guard.Conflict, advice.CaseConflict, facts)
}

// Resolved returns the flag that marks a conflict as merged, quoted for a shell.
func Resolved(e pull.Edit) string { return "--resolved " + quoted(e.Path+"@"+e.Write.String()) }

// quoted quotes an argument for a shell.
func quoted(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-@+:,=%") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

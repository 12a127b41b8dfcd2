package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// loadSettings resolves the configuration: what in gives beats the environment,
// which beats the files.
//
// A commit that is named is published by its own settings. The one that is
// checked out is published by those of the work tree, which is what a person sees.
func loadSettings(ctx context.Context, in Inputs, shared string, inside *boundary.Boundary) (*config.Settings, []kvsync.Problem, error) {
	if in.Commit != "" && in.BuiltFrom != "" {
		return nil, nil, errors.New("a commit is to be published, and a folder that was built from one; ask for one of the two")
	}
	if in.Commit != "" && in.Source == source.KindFolder {
		return nil, nil, &UsageError{Err: errors.New("a commit is asked for, and the folder as the source"), Fix: "leave one of the two out"}
	}
	flags := in.Given.Setting()
	for name, value := range map[string]string{
		"name": in.Name, "project": in.Project, "directory": in.Directory, "source": in.Source, "config": in.Config, "env": in.Environment,
		"api-token": in.Token, "account-id": in.AccountID, "api-base-url": in.BaseURL,
	} {
		if value != "" {
			flags[name] = value
		}
	}
	if in.DeployedOnly && in.Directory == "" {
		flags["directory"] = "."
	}
	from := config.Inputs{
		Root: in.Root, Shared: shared, Boundary: inside, Flags: flags, Getenv: in.Getenv,
		Bare: in.Bare, Builds: in.Builds,
	}
	if in.Commit != "" {
		top := cmp.Or(shared, in.Root)
		commit, err := source.OpenCommit(ctx, source.Options{WorkDir: in.Root, Top: top, Revision: in.Commit, Boundary: inside, Getenv: in.Getenv})
		switch {
		case errors.Is(err, worktree.ErrNoRepository): // that of the published folder lies below, and has no settings of this project
		case err != nil:
			return nil, nil, err
		default:
			defer commit.Close()
			from.Commit, from.CommitRoot = commit.Tree(ctx), cmp.Or(commit.Top(), top) // bare, it is no part of whatever work tree it may lie in
		}
	}
	set, notices, err := config.Load(from)
	if err != nil && in.Commit == "" && worktree.Bare(in.Root, in.Getenv) {
		return nil, nil, &UsageError{Err: errors.New("this is a bare repository, which has files in its commits alone"), Fix: "name one with --commit, a branch say"}
	}
	if err == nil && set.Project == "" && inPlace(set.Layout) {
		if _, err := Projects(ctx, in); err == nil {
			set.Layout = "" // the file says it of the projects, and this is the Worker beside them
		}
	}
	return set, notices, err
}

func inPlace(layout string) bool {
	l, err := kvsync.LayoutNamed(layout)
	return err == nil && l.InPlace
}

// repositoryOf is the folder that paths in configuration files may not leave:
// the work tree that root lies in, else root.
func repositoryOf(root string) string {
	for dir := root; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			return root
		}
	}
}

var namespaceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// engineConfig is what the settings say to the engine.
func engineConfig(set *config.Settings) kvsync.Config {
	c := kvsync.Config{
		Site: set.Name, Formerly: set.Formerly, Project: set.Project, Layout: set.Layout, Serving: set.Serving, Rights: set.Rights, Retain: set.Retain, Grace: set.Grace, Parallel: set.Parallel, Memory: set.Memory,
	}
	c.OffWorkersDev = set.WorkersDev != nil && !*set.WorkersDev
	if namespaceID.MatchString(set.Namespace) {
		c.Namespace = set.Namespace
	} else {
		c.NamespaceTitle = set.Namespace
	}
	return c
}

// configProblems are the places of the configuration that are at fault.
func configProblems(err error) []kvsync.Problem {
	var refused *config.Error
	if errors.As(err, &refused) {
		return refused.Problems
	}
	return nil
}

// unsettled says what the configuration asks for and a deploy does not do.
func unsettled(set *config.Settings) []kvsync.Problem {
	var out []kvsync.Problem
	for _, name := range set.RequiredSecrets {
		out = append(out, kvsync.Problem{Path: set.Where("secrets"),
			Reason: fmt.Sprintf("the Worker needs the secret %s, which is carried over where it exists and is not checked", name),
			Fix:    "set it with wrangler secret put " + name})
	}
	return out
}

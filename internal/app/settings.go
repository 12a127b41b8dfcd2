package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/source"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// settings are a run's configuration, resolved: flags over environment over
// file over default.
type settings struct {
	name      string
	accountID string
	engine    kvsync.Config // without what reach adds
	source    source.Options
	bundle    bundle.Options
	worker    kvsync.Worker // without its modules
	notices   []kvsync.Problem
}

// configProblems are the places of a configuration file that are at fault.
func configProblems(error) []kvsync.Problem { return nil }

func loadSettings(_ context.Context, in Inputs) (*settings, error) {
	set := &settings{name: in.Name}
	if set.name == "" {
		set.name = nameOf(in.Root)
	}
	if set.name == "" {
		return nil, &UsageError{Err: fmt.Errorf("the folder %s gives no name for the site", in.Root), Fix: "give --name"}
	}
	if in.Commit != "" && in.Source == source.KindFolder {
		return nil, &UsageError{Err: errors.New("a commit is asked for and the source is the folder"), Fix: "leave one of the two out"}
	}
	set.source = source.Options{
		Kind: in.Source, WorkDir: in.Root, Dir: in.Directory, Revision: in.Commit, Getenv: in.Getenv, Log: in.Log,
	}
	if in.CacheDir != "" {
		set.source.CacheDir = filepath.Join(in.CacheDir, "kv-sync")
	}
	set.bundle = bundle.Options{Root: in.Root}
	set.worker = kvsync.Worker{CompatibilityDate: defaultCompatibility}
	return set, nil
}

// defaultCompatibility is what our own Worker is tested with.
const defaultCompatibility = "2026-10-01"

var notInName = regexp.MustCompile(`[^a-z0-9_-]+`)

// nameOf makes a site's id of a folder's name, or "" where nothing is left of it.
func nameOf(root string) string {
	name := notInName.ReplaceAllString(strings.ToLower(filepath.Base(root)), "-")
	name = strings.TrimLeft(name, "-_")
	return strings.TrimRight(name[:min(len(name), 63)], "-_")
}

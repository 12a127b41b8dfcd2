package main

import (
	"runtime/debug"
	"testing"
)

// The version of a development build names its commit.
func TestDevelopmentVersion(t *testing.T) {
	t.Parallel()
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for want, settings := range map[string][]debug.BuildSetting{
		"dev (no version and no commit recorded, built by go1.26.1)": nil,
		"dev (commit 0123456789ab, built by go1.26.1)":               {revision, {Key: "vcs.modified", Value: "false"}},
		"dev (commit 0123456789ab, with changes, built by go1.26.1)": {revision, modified},
	} {
		info := &debug.BuildInfo{GoVersion: "go1.26.1", Settings: settings}
		if got := developmentVersion(info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

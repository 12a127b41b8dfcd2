package hooks_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

// server installs the post-receive hook in the world's remote.
func (w *world) server(o hooks.Options) *hooks.Repository {
	w.t.Helper()
	r, err := hooks.Find(w.t.Context(), filepath.Join(filepath.Dir(w.work), "remote.git"))
	if err != nil || r.Top != "" {
		w.t.Fatalf("%+v, %v", r, err)
	}
	s, err := hooks.Install(w.t.Context(), r, hooks.PostReceiveHook, o)
	if err != nil || !s.Installed || s.Settings.Mode != hooks.Deploy {
		w.t.Fatalf("%+v, %v", s, err)
	}
	return r
}

func TestServerDeploysWhatItReceives(t *testing.T) {
	w := newWorld(t)
	r := w.server(hooks.Options{})
	traced := func() string {
		_, rest, _ := strings.Cut(w.traced(), "\n")
		return strings.TrimSpace(rest)
	}
	w.commit(map[string]string{"public/index.html": "two"})
	w.pushes(true)
	if got := traced(); got != "deploy refs/heads/main" {
		t.Errorf("traced %q", got)
	}
	w.git(w.work, "tag", "v1")
	w.pushes(true, "origin", "HEAD:refs/heads/draft", "v1")
	if got := traced(); got != "" {
		t.Errorf("other refs: traced %q", got)
	}
	w.commit(map[string]string{"public/index.html": "three"})
	w.pushes(true, "origin", ":draft", "main", "HEAD:refs/heads/x")
	if got := traced(); got != "deploy refs/heads/main" {
		t.Errorf("several refs: traced %q", got)
	}
	w.pushes(true, "-f", "origin", "HEAD~1:main")
	if got := traced(); got != "deploy refs/heads/main" {
		t.Errorf("a force push: traced %q", got)
	}
	w.git(r.GitDir, "config", "receive.denyDeleteCurrent", "ignore")
	if out := w.pushes(true, "origin", ":main"); !strings.Contains(out,
		"remote: kv-sync: main is deleted; what is live stays as it is") {
		t.Errorf("a deletion says\n%s", out)
	}
	if got := traced(); got != "" {
		t.Errorf("a deletion: traced %q", got)
	}
	// An error is reported to the person who pushes. The push succeeds.
	out := w.with("KV_SYNC_TEST_FAULT=dial tcp: connection refused").pushes(true, "origin", "main")
	if !strings.Contains(out, "remote: dial tcp: connection refused") {
		t.Errorf("a failure says\n%s", out)
	}
	w.commit(map[string]string{"public/index.html": "four"})
	traced()
	w.with("KV_SYNC_HOOK=off").pushes(true)
	if got := traced(); got != "" {
		t.Errorf("a disabled hook: traced %q", got)
	}
	w.server(hooks.Options{Settings: hooks.Settings{Branch: "live"}})
	w.pushes(true, "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/live")
	if got := traced(); got != "deploy refs/heads/live" {
		t.Errorf("the configured branch: traced %q", got)
	}
}

// A push without the deployed branch says which branch is deployed, and if that one does not exist,
// how to deploy the one that was pushed.
func TestOtherBranchIsReceived(t *testing.T) {
	w := newWorld(t)
	w.server(hooks.Options{})
	if out := w.pushes(true, "origin", "HEAD:refs/heads/draft"); !strings.Contains(out,
		"remote: kv-sync: draft was received; main is deployed here ") {
		t.Errorf("a push of another branch says\n%s", out)
	}
	if out := w.pushes(true, "origin", ":draft"); strings.Contains(out, "was received") {
		t.Errorf("a deletion says\n%s", out)
	}
	r := w.server(hooks.Options{Settings: hooks.Settings{Branch: "live"}})
	if others, err := r.Instead(t.Context(), "live"); err != nil || len(others) != 1 || others[0] != "main" {
		t.Errorf("instead of live: %q, %v", others, err)
	}
	w.commit(map[string]string{"public/index.html": "two"})
	if out := w.pushes(true, "origin", "main"); !strings.Contains(out, "live is deployed here, which does not exist") ||
		!strings.Contains(out, "kv-sync hook install --branch main") {
		t.Errorf("a push of the only branch says\n%s", out)
	}
}

// The former hook runs first, its failure does not prevent a deploy, and uninstalling
// restores it.
func TestFormerHookOfAServer(t *testing.T) {
	w := newWorld(t)
	hook := filepath.Join(filepath.Dir(w.work), "remote.git", "hooks", "post-receive")
	write(t, hook, "#!/bin/sh\ncat; echo mail; exit 1\n", 0o755)
	before := snapshot(t, filepath.Dir(hook))
	r := w.server(hooks.Options{})
	head := w.commit(map[string]string{"public/index.html": "two"})
	if out := w.pushes(true); !strings.Contains(out, "remote: mail") || !strings.Contains(out, head+" refs/heads/main") {
		t.Errorf("the push says\n%s", out)
	}
	if got := w.traced(); !strings.Contains(got, "deploy refs/heads/main") {
		t.Errorf("traced %q", got)
	}
	if s, err := hooks.Uninstall(t.Context(), r, hooks.PostReceiveHook); err != nil || !s.Removed || !s.Restored {
		t.Errorf("%+v, %v", s, err)
	}
	equal(t, "uninstalling", snapshot(t, filepath.Dir(hook)), before)
}

// In pre-receive nothing is deployed and no error is returned.
func TestQuarantineIsNotDeployed(t *testing.T) {
	w := newWorld(t)
	r := w.server(hooks.Options{})
	write(t, filepath.Join(r.GitDir, "hooks", "pre-receive"), "#!/bin/sh\nexec \"${0%/*}/post-receive\"\n", 0o755)
	if err := os.Rename(filepath.Join(r.GitDir, "hooks", "post-receive"),
		filepath.Join(r.GitDir, "hooks", "kept")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(r.GitDir, "hooks", "pre-receive"), "#!/bin/sh\nexec sh \"${0%/*}/kept\"\n", 0o755)
	w.commit(map[string]string{"public/index.html": "two"})
	if out := w.pushes(true); !strings.Contains(out, "has not accepted the push yet") {
		t.Errorf("the push says\n%s", out)
	}
	if got := w.traced(); strings.Contains(got, "deploy") {
		t.Errorf("traced %q", got)
	}
}

func TestMalformedReceivedLines(t *testing.T) {
	w := newWorld(t)
	r := w.server(hooks.Options{})
	run := func(lines string) (deployed bool, err error) {
		err = hooks.PostReceive(t.Context(), r, hooks.Received{Lines: strings.NewReader(lines), Notices: t.Output()},
			hooksSite(&deployed))
		return deployed, err
	}
	head := w.git(r.GitDir, "rev-parse", "main")
	good := strings.Repeat("0", 40) + " " + head + " refs/heads/main\n"
	if deployed, err := run("what is this\n"); deployed || err == nil || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("%v, %v", deployed, err)
	}
	if deployed, err := run("what is this\n" + good); !deployed || err == nil {
		t.Errorf("beside a valid line: %v, %v", deployed, err)
	}
	if deployed, err := run(good); !deployed || err != nil {
		t.Errorf("a valid line: %v, %v", deployed, err)
	}
	if deployed, err := run(""); deployed || err != nil {
		t.Errorf("no line: %v, %v", deployed, err)
	}
}

// A branch that git cannot read does not count as deleted. The error has git's reason.
func TestUnreadableBranchIsReported(t *testing.T) {
	w := newWorld(t)
	bare := filepath.Join(filepath.Dir(w.work), "remote.git")
	head := w.git(bare, "rev-parse", "main")
	write(t, filepath.Join(bare, "refs", "heads", "main"), "broken\n", 0o644)
	r, err := hooks.Find(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("0", 40) + " " + head + " refs/heads/main\n"
	err = hooks.PostReceive(t.Context(), r, hooks.Received{Lines: strings.NewReader(line), Notices: io.Discard},
		func(context.Context, *hooks.Repository) (*hooks.Site, error) {
			return &hooks.Site{Branch: "main", Deploy: traced("deploy")}, nil
		})
	if err == nil || !strings.Contains(err.Error(), "broken ref refs/heads/main") {
		t.Errorf("got %v", err)
	}
}

// A new bare repository may name another branch in HEAD than the one that is pushed.
func TestHeadOfAServerWithoutItsBranch(t *testing.T) {
	w := newWorld(t)
	r := w.server(hooks.Options{})
	w.git(r.GitDir, "symbolic-ref", "HEAD", "refs/heads/master")
	w.commit(map[string]string{"public/index.html": "two"})
	const say = "HEAD of this repository names refs/heads/master, which does not exist; " +
		"to deploy the received branch, on the server: git symbolic-ref HEAD refs/heads/main"
	if out := w.pushes(true); !strings.Contains(out, say) {
		t.Errorf("the push says\n%s", out)
	}
	if out := w.pushes(true, "origin", "main:other", ":main"); !strings.Contains(out, "HEAD refs/heads/other") {
		t.Errorf("another branch: the push says\n%s", out)
	}
	if out := w.pushes(true, "origin", ":other"); strings.Contains(out, "deployed") {
		t.Errorf("a deletion: the push says\n%s", out)
	}
	w.server(hooks.Options{Settings: hooks.Settings{Branch: "live"}})
	if out := w.pushes(true, "origin", "main:other"); strings.Contains(out, "symbolic-ref") {
		t.Errorf("with a branch of its own: the push says\n%s", out)
	}
}

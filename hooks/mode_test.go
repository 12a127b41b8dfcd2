package hooks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

// with returns the world with more variables.
func (w *world) with(env ...string) *world {
	o := *w
	o.env = slices.Concat(w.env, env)
	return &o
}

func TestUploadAndDeployGetThePushedCommit(t *testing.T) {
	for _, mode := range []hooks.Mode{hooks.Upload, hooks.Deploy} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t)
			if s := w.install(hooks.Options{Settings: hooks.Settings{Mode: mode}}); s.Settings.Mode != mode {
				t.Errorf("the status is %+v", s)
			}
			traced := func() string {
				_, rest, _ := strings.Cut(w.traced(), "\n")
				return strings.TrimSpace(rest)
			}
			// The pushed commit counts, not the one that is checked out.
			pushed := w.commit(map[string]string{"public/index.html": "pushed"})
			w.commit(map[string]string{"public/index.html": "not yet"})
			w.pushes(true, "origin", "HEAD~1:refs/heads/main")
			if got, want := traced(), string(mode)+" "+pushed; got != want {
				t.Errorf("traced %q, want %q", got, want)
			}
			// One push of several refs, with a tag and a deletion: only main is the site's.
			w.git(w.work, "push", "-q", "--no-verify", "origin", "HEAD:refs/heads/old")
			head := w.git(w.work, "rev-parse", "HEAD")
			w.git(w.work, "tag", "-a", "-m", "v1", "v1")
			w.pushes(true, "origin", "HEAD:main", "HEAD:draft", ":old", "v1")
			if got, want := traced(), string(mode)+" "+head; got != want {
				t.Errorf("traced %q, want %q", got, want)
			}
			w.pushes(true, "origin", "HEAD:refs/heads/other", "HEAD:refs/tags/v2", ":draft")
			if got := traced(); got != "" {
				t.Errorf("other refs: traced %q", got)
			}
			// A new branch has no commit on the remote to compare with.
			fresh := w.with("KV_SYNC_TEST_BRANCH=live")
			fresh.pushes(true, "origin", "HEAD:refs/heads/live")
			if got, want := traced(), string(mode)+" "+head; got != want {
				t.Errorf("a new branch: traced %q, want %q", got, want)
			}
			// A force-push, as git sends it.
			back := w.git(w.work, "rev-parse", "HEAD~2")
			w.pushes(true, "-f", "origin", "HEAD~2:refs/heads/main")
			if got, want := traced(), string(mode)+" "+back; got != want {
				t.Errorf("a force push: traced %q, want %q", got, want)
			}
			// The branch itself is deleted.
			w.git(strings.TrimSuffix(w.work, "a work tree")+"remote.git", "symbolic-ref", "HEAD", "refs/heads/other")
			if out := w.pushes(true, "origin", ":main"); !strings.Contains(out, "what is live stays as it is") {
				t.Errorf("a deletion says\n%s", out)
			}
			if got := traced(); got != "" {
				t.Errorf("a deletion: traced %q", got)
			}
			// The same commit under both names that a site's branch may have.
			w.pushes(true, "origin", "HEAD:main", "HEAD:master")
			if got, want := traced(), string(mode)+" "+head; got != want {
				t.Errorf("two branches: traced %q, want %q", got, want)
			}
		})
	}
}

// A push that changes no asset needs no upload, but may need a deploy of code.
func TestPushWithoutAssetsNeedsNoUpload(t *testing.T) {
	w := newWorld(t)
	for mode, want := range map[hooks.Mode]bool{hooks.Upload: false, hooks.Deploy: true} {
		w.install(hooks.Options{Settings: hooks.Settings{Mode: mode}})
		w.commit(map[string]string{"worker.ts": string(mode)})
		w.pushes(true)
		if got := strings.Contains(w.traced(), string(mode)+" "); got != want {
			t.Errorf("%s: traced %v", mode, got)
		}
	}
}

// A failed upload or deploy does not block the push, and names a remedy. A file that
// must not be published still blocks it.
func TestFailedUploadOrDeployDoesNotBlock(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		mode  hooks.Mode
		fault string
		says  []string
	}{
		{hooks.Upload, "dial tcp: connection refused", []string{"not uploaded ahead", "connection refused"}},
		{hooks.Deploy, "dial tcp: connection refused", []string{"the site was not deployed", "connection refused",
			"kv-sync deploy --commit "}},
		{hooks.Deploy, "unknown", []string{"it is unknown whether the site was deployed"}},
	} {
		w.install(hooks.Options{Settings: hooks.Settings{Mode: c.mode}})
		broken := w.with("KV_SYNC_TEST_FAULT=" + c.fault)
		w.commit(map[string]string{"public/index.html": fmt.Sprint(c)})
		out := broken.pushes(true)
		for _, want := range c.says {
			if !strings.Contains(out, want) {
				t.Errorf("%s with %q does not say %q:\n%s", c.mode, c.fault, want, out)
			}
		}
		w.commit(map[string]string{"public/key.pem": secret})
		if out := broken.pushes(false); !strings.Contains(out, "key.pem") {
			t.Errorf("%s with %q and a private key says\n%s", c.mode, c.fault, out)
		}
		w.git(w.work, "reset", "-q", "--hard", "HEAD~1")
	}
}

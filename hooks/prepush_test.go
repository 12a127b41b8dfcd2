package hooks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/sync/plan"
)

func TestRefusedFileBlocksThePush(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{})
	before := w.git(w.work, "rev-parse", "origin/main")
	w.commit(map[string]string{"public/key.pem": secret})
	out := w.pushes(false)
	for _, want := range []string{"key.pem", "private key", "--no-verify"} {
		if !strings.Contains(out, want) {
			t.Errorf("the push does not mention %q:\n%s", want, out)
		}
	}
	if now := w.git(w.work, "ls-remote", "origin", "refs/heads/main"); !strings.HasPrefix(now, before) {
		t.Errorf("the remote has %s", now)
	}
	if got := w.traced(); !strings.Contains(got, "check") {
		t.Errorf("the local check did not run without network: %q", got)
	}

	// Other branches, tags and deletions do not concern the site.
	w.pushes(true, "origin", "HEAD:refs/heads/draft")
	w.pushes(true, "origin", "HEAD:refs/tags/v1")
	w.pushes(true, "origin", ":refs/heads/draft")
	if got := w.traced(); strings.Contains(got, "check") {
		t.Errorf("they were checked: %q", got)
	}
	// Both ways to push without the hook.
	w.pushes(true, "--no-verify", "origin", "HEAD:refs/heads/main")
	w.git(w.work, "push", "-q", "-f", "--no-verify", "origin", before+":refs/heads/main")
	w.env = append(w.env, "KV_SYNC_HOOK=off")
	w.pushes(true)
	if got := w.traced(); got != "" {
		t.Errorf("a disabled hook ran: %q", got)
	}
}

// A push that changes no asset reads no file and sends no request.
func TestPushWithoutAssetsIsNotChecked(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{})
	many := map[string]string{}
	for i := range 2000 {
		many[fmt.Sprintf("public/%d/%d.html", i%20, i)] = fmt.Sprint(i)
	}
	w.commit(many)
	out := w.pushes(true)
	if !strings.Contains(out, "connection refused") || !strings.Contains(w.traced(), "network") {
		t.Errorf("there is no notice without network:\n%s", out)
	}
	w.commit(map[string]string{"README.md": "two"})
	r := w.find()
	line := fmt.Sprintf("refs/heads/main %s refs/heads/main %s\n", w.git(w.work, "rev-parse", "HEAD"),
		w.git(w.work, "rev-parse", "origin/main"))
	err := hooks.PrePush(t.Context(), r, hooks.Push{Remote: "origin", Lines: strings.NewReader(line), Notices: t.Output()},
		func(context.Context, *hooks.Repository) (*hooks.Site, error) {
			never := func(context.Context, string) error { t.Error("the site was read"); return nil }
			return &hooks.Site{Directory: "public", Check: never, Plan: func(context.Context, string) (*plan.Plan, error) {
				t.Error("a request was sent")
				return nil, nil
			}}, nil
		})
	if err != nil {
		t.Error(err)
	}
	w.pushes(true)
	if got := w.traced(); strings.Contains(got, "check") || !strings.Contains(got, "pre-push origin") {
		t.Errorf("traced %q", got)
	}
	// A configuration file counts as an asset.
	w.commit(map[string]string{"kv-sync.toml": "ignore = []"})
	w.pushes(true)
	if got := w.traced(); !strings.Contains(got, "check") {
		t.Errorf("a changed configuration was not checked: %q", got)
	}
}

// The site's folder may be a symlink. A change of what it leads to is a change of the site, although
// git shows no difference of the folder itself.
func TestSiteBehindASymlink(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{})
	w.commit(map[string]string{"real/index.html": "one"})
	w.git(w.work, "rm", "-r", "-q", "public")
	if err := os.Symlink("real", filepath.Join(w.work, "public")); err != nil {
		t.Fatal(err)
	}
	w.git(w.work, "add", "-A")
	w.git(w.work, "commit", "-q", "-m", "link")
	w.pushes(true)
	w.commit(map[string]string{"real/key.pem": secret})
	w.pushes(false)
}

func TestNothingElseBlocksAPush(t *testing.T) {
	w := newWorld(t)
	gone := filepath.Join(t.TempDir(), "kv-sync")
	w.env = append(w.env, "PATH="+os.Getenv("PATH"))
	for name, c := range map[string]struct {
		binary string
		env    string
		says   string
	}{
		"missing binary":       {gone, "", "gone"},
		"binary does not run":  {script(t, "not a program", 0o755), "", ""},
		"binary is killed":     {script(t, "#!/bin/sh\nkill -9 $$\n", 0o755), "", "status 137"},
		"configuration broken": {"", "KV_SYNC_TEST_BROKEN=1", "configuration is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			w.install(hooks.Options{Binary: c.binary})
			w.commit(map[string]string{"public/x.html": name})
			w := *w
			w.t, w.env = t, append(w.env[:len(w.env):len(w.env)], c.env+"=")
			if c.env != "" {
				w.env[len(w.env)-1] = c.env
			}
			if out := w.pushes(true); !strings.Contains(out, c.says) {
				t.Errorf("the push says\n%s", out)
			}
		})
	}
	w.install(hooks.Options{})
	w.pushes(true) // nothing to push: git gives no line
}

func TestDeployedBranch(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{})
	w.commit(map[string]string{"public/key.pem": secret})
	w.env = append(w.env, "KV_SYNC_TEST_BRANCH=live")
	w.pushes(false, "origin", "HEAD:live")
	w.pushes(true, "origin", "HEAD:main")
	w.git(w.work, "push", "-q", "--no-verify", "origin", "HEAD:live")
	w.traced()
	w.pushes(true, "origin", ":live", "HEAD:other")
	if got := w.traced(); strings.Contains(got, "check") {
		t.Errorf("a deletion was checked: %q", got)
	}
	w.env = append(w.env, "KV_SYNC_TEST_BRANCH=")
	// The remote's default branch, as this clone knows it.
	w.git(w.work, "push", "-q", "--no-verify", "origin", "HEAD:trunk")
	w.git(w.work, "remote", "set-head", "origin", "trunk")
	w.commit(map[string]string{"public/x.html": "x"})
	w.pushes(true, "origin", "HEAD:main")
	w.pushes(false, "origin", "HEAD:trunk")
}

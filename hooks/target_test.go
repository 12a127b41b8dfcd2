package hooks_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

// fork adds a second remote.
func (w *world) fork(name string) string {
	w.t.Helper()
	dir := filepath.Join(filepath.Dir(w.work), name+".git")
	w.git(w.work, "init", "-q", "--bare", "-b", "main", dir)
	w.git(w.work, "remote", "add", name, dir)
	return dir
}

// deployed pushes a change and reports whether it was deployed.
func (w *world) deployed(args ...string) bool {
	w.t.Helper()
	head := w.commit(map[string]string{"public/index.html": strings.Join(args, " ") + w.git(w.work, "rev-parse", "HEAD")})
	w.traced()
	w.pushes(true, args...)
	got := w.traced()
	if strings.Contains(got, "deploy ") && !strings.Contains(got, "deploy "+head+"\n") {
		w.t.Errorf("git push %v deployed %s", args, got)
	}
	return strings.Contains(got, "deploy ")
}

// Only a push to the site's remote is deployed, under any name or URL.
func TestOnlyTheRemoteOfTheSite(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{Settings: hooks.Settings{Mode: hooks.Deploy}})
	origin := filepath.Join(filepath.Dir(w.work), "remote.git")
	backup := w.fork("backup")
	w.git(w.work, "remote", "add", "also", origin+"/")
	w.git(w.work, "config", "url."+filepath.Dir(origin)+"/.insteadOf", "short:")
	for _, c := range []struct {
		name string
		args []string
		want bool
	}{
		{"origin", []string{"origin", "main"}, true},
		{"a backup", []string{"backup", "main"}, false},
		{"its URL", []string{origin, "main"}, true},
		{"the backup's URL", []string{backup, "main"}, false},
		{"the remote's other name", []string{"also", "main"}, true},
		{"a URL that git rewrites", []string{"short:remote.git", "main"}, true},
		{"another branch", []string{"origin", "main:draft"}, false},
	} {
		if got := w.deployed(c.args...); got != c.want {
			t.Errorf("a push to %s deploys: %v", c.name, got)
		}
	}

	// Other tools do not pass the URL.
	for name, want := range map[string]bool{"origin": true, "also": true, "backup": false, origin: true, backup: false} {
		deployed := false
		site := &hooks.Site{Deploy: func(context.Context, string, func()) error { deployed = true; return nil }}
		line := fmt.Sprintf("refs/heads/main %s refs/heads/main %s\n", w.git(w.work, "rev-parse", "HEAD"),
			strings.Repeat("0", 40))
		err := hooks.PrePush(t.Context(), w.find(), hooks.Push{Mode: hooks.Deploy, Remote: name,
			Lines: strings.NewReader(line), Notices: t.Output()},
			func(context.Context, *hooks.Repository) (*hooks.Site, error) { return site, nil })
		if err != nil || deployed != want {
			t.Errorf("a push to %s deploys: %v, %v", name, deployed, err)
		}
	}

	// The tracked remote has precedence over origin, and the configured one over both.
	w.git(w.work, "config", "branch.main.remote", "backup")
	if w.deployed("origin", "main") || !w.deployed("backup", "main") {
		t.Error("the remote that the branch tracks is not used")
	}
	for _, name := range []string{"origin", "file://" + origin} {
		with := w.with("KV_SYNC_TEST_REMOTE=" + name)
		if !with.deployed("origin", "main") || with.deployed("backup", "main") {
			t.Errorf("the configured remote %s is not used", name)
		}
	}
}

func TestUnknownRemote(t *testing.T) {
	w := newWorld(t)
	w.install(hooks.Options{Settings: hooks.Settings{Mode: hooks.Deploy}})
	w.git(w.work, "remote", "rename", "origin", "one")
	w.git(w.work, "config", "--unset", "branch.main.remote")
	if !w.deployed("one", "main") {
		t.Error("the only remote is not used")
	}
	w.fork("two")
	w.commit(map[string]string{"public/index.html": "x"})
	w.traced()
	if out := w.pushes(true, "one", "main"); !strings.Contains(out, "remote = ") {
		t.Errorf("the push says\n%s", out)
	}
	if got := w.traced(); strings.Contains(got, "deploy") {
		t.Errorf("traced %q", got)
	}
	target, err := w.find().Target(t.Context(), "", "two")
	if err != nil || target.Remote != "two" || strings.Join(target.Branches, " ") != "main master" {
		t.Errorf("%+v, %v", target, err)
	}
}

// If main and master have different commits, and nothing says which is deployed, a push of
// either goes live by chance.
func TestMainBesideMaster(t *testing.T) {
	for _, mode := range []hooks.Mode{hooks.Upload, hooks.Deploy} {
		w := newWorld(t)
		w.install(hooks.Options{Settings: hooks.Settings{Mode: mode}})
		act := string(mode) + " "
		pushed := func(args ...string) (string, string) {
			w.t.Helper()
			w.commit(map[string]string{"public/index.html": strings.Join(args, " ") + w.git(w.work, "rev-parse", "HEAD")})
			w.traced()
			out := w.pushes(true, append([]string{"origin"}, args...)...)
			return w.traced(), out
		}
		if got, _ := pushed("main", "main:master"); strings.Count(got, act) != 1 {
			t.Errorf("one commit for both: traced %q", got)
		}
		for _, args := range [][]string{{"main"}, {"main:master"}, {"main", "main~:master"}} {
			if got, out := pushed(args...); strings.Contains(got, act) || !strings.Contains(got, "check") ||
				!strings.Contains(out, `main or master is deployed, so this push is only checked; write branch = `) {
				t.Errorf("git push %q traced %q and says\n%s", args, got, out)
			}
		}
		if got, out := pushed(":master"); strings.Contains(got, "check") || strings.Contains(out, "is not known") {
			t.Errorf("a deletion traced %q and says\n%s", got, out)
		}
		if got, _ := pushed("main"); !strings.Contains(got, act) {
			t.Errorf("without master: traced %q", got)
		}
		w.git(w.work, "branch", "master", "HEAD~")
		w.git(w.work, "remote", "set-head", "origin", "main")
		if got, _ := pushed("main"); !strings.Contains(got, act) {
			t.Errorf("with a known default branch: traced %q", got)
		}
	}
}

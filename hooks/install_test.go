package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/filelock"
)

// snapshot returns every file of a folder with its mode, time and target or content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		text, _ := os.Readlink(name)
		if text == "" {
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			text = string(b)
		}
		if filepath.Base(name) != "config" { // git rewrites it each time
			text += info.ModTime().String()
		}
		out[name] = info.Mode().String() + " " + text
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func equal(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s is %q, want %q", what, name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s left %s", what, name)
		}
	}
}

func TestUninstallRestoresTheFormerHook(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"nothing": func(*testing.T, string) {},
		"a hook": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "pre-push"), "#!/bin/sh\ncat >/dev/null; echo mine", 0o750)
		},
		"not executable": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "pre-push"), "#!/bin/sh\nexit 1\n",
				0o644)
		},
		"a symlink": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "shared.sh"), "#!/bin/sh\nexit 0\n", 0o755)
			if err := os.Symlink("shared.sh", filepath.Join(dir, "pre-push")); err != nil {
				t.Fatal(err)
			}
		},
		"a symlink to a script like ours": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "team.sh"), "#!/bin/sh\n# kv-sync pre-push hook of the team\ncat >/dev/null\n", 0o755)
			if err := os.Symlink("team.sh", filepath.Join(dir, "pre-push")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := filepath.Join(w.work, ".git")
			prepare(t, filepath.Join(dir, "hooks"))
			before := snapshot(t, filepath.Join(dir, "hooks"))
			config := snapshot(t, filepath.Join(dir, "config"))
			w.install(hooks.Options{})
			once := snapshot(t, filepath.Join(dir, "hooks"))
			w.install(hooks.Options{})
			equal(t, "installing twice", snapshot(t, filepath.Join(dir, "hooks")), once)
			w.commit(map[string]string{"public/index.html": name})
			w.pushes(true)
			if !strings.Contains(w.traced(), "check") {
				t.Error("the hook did not run")
			}
			for range 2 {
				if s, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err != nil || s.Installed {
					t.Fatalf("%+v, %v", s, err)
				}
				equal(t, "uninstalling", snapshot(t, filepath.Join(dir, "hooks")), before)
			}
			equal(t, "the configuration", snapshot(t, filepath.Join(dir, "config")), config)
		})
	}
}

// kept returns where the former hook is kept.
func kept(hook string) string {
	return filepath.Join(filepath.Dir(hook)+".before-kv-sync", filepath.Base(hook))
}

func TestFormerHookRunsFirst(t *testing.T) {
	w := newWorld(t)
	seen := filepath.Join(t.TempDir(), "seen")
	hook := filepath.Join(w.work, ".git", "hooks", "pre-push")
	write(t, hook, "#!/bin/sh\necho \"$@\" > '"+seen+"'\ncat >> '"+seen+"'\n", 0o755)
	if s := w.install(hooks.Options{}); s.Chained == "" {
		t.Errorf("the status is %+v", s)
	}
	head := w.commit(map[string]string{"public/index.html": "two"})
	w.pushes(true)
	b, _ := os.ReadFile(seen)
	if got := string(b); !strings.HasPrefix(got, "origin ") ||
		!strings.Contains(got, "refs/heads/main "+head+" refs/heads/main ") {
		t.Errorf("the former hook got %q", got)
	}
	w.traced()
	write(t, kept(hook), "#!/bin/sh\nexit 7\n", 0o755)
	w.commit(map[string]string{"public/index.html": "three"})
	if out := w.pushes(false); !strings.Contains(out, "stopped by the hook from before kv-sync (status 7): "+kept(hook)) {
		t.Errorf("the push says\n%s", out)
	}
	if got := w.traced(); got != "" {
		t.Errorf("kv-sync ran after the former hook failed: %q", got)
	}
	// If another tool replaces the hook, no script is overwritten.
	write(t, hook, "#!/bin/sh\n# another tool\n", 0o755)
	before := snapshot(t, filepath.Dir(hook))
	if _, err := hooks.Install(t.Context(), w.find(), hooks.PrePushHook, hooks.Options{}); err == nil ||
		!strings.Contains(err.Error(), "replaced") {
		t.Errorf("installing over it: %v", err)
	}
	if _, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err == nil ||
		!strings.Contains(err.Error(), "replaced") {
		t.Errorf("uninstalling it: %v", err)
	}
	equal(t, "refusing", snapshot(t, filepath.Dir(hook)), before)
}

// A script that somebody changed is not overwritten or deleted.
func TestEditedScript(t *testing.T) {
	w := newWorld(t)
	hook := filepath.Join(w.work, ".git", "hooks", "pre-push")
	w.install(hooks.Options{})
	ours, err := os.ReadFile(hook)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"at the end":      string(ours) + "git lfs pre-push \"$@\"\n",
		"before":          strings.Replace(string(ours), "\nlines=", "\necho mine\nlines=", 1),
		"a disabled line": strings.Replace(string(ours), "trap", "# trap", 1),
	} {
		write(t, hook, text, 0o755)
		before := snapshot(t, filepath.Dir(hook))
		if _, err := hooks.Install(t.Context(), w.find(), hooks.PrePushHook, hooks.Options{}); err == nil ||
			!strings.Contains(err.Error(), "was changed after") {
			t.Errorf("%s: installing over it: %v", name, err)
		}
		if _, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err == nil ||
			!strings.Contains(err.Error(), "was changed after") {
			t.Errorf("%s: uninstalling it: %v", name, err)
		}
		equal(t, "refusing", snapshot(t, filepath.Dir(hook)), before)
	}
	// A script of another release, or for another binary, is not an edited one.
	for _, text := range []string{
		strings.Replace(string(ours), " 6, written", " 5, written", 1) + "more\n",
		strings.Replace(string(ours), "installed='", "installed='/it'\\''s", 1),
	} {
		write(t, hook, text, 0o755)
		w.install(hooks.Options{})
		if b, err := os.ReadFile(hook); err != nil || string(b) != string(ours) {
			t.Errorf("it was not replaced: %v\n%s", err, b)
		}
	}
}

func TestHuskyIsRefused(t *testing.T) {
	w := newWorld(t)
	write(t, filepath.Join(w.work, ".husky/_/pre-push"), "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"", 0o755)
	w.git(w.work, "config", "core.hooksPath", ".husky/_")
	before := snapshot(t, filepath.Join(w.work, ".husky"))
	if _, err := hooks.Install(t.Context(), w.find(), hooks.PrePushHook, hooks.Options{}); err == nil ||
		!strings.Contains(err.Error(), ".husky/pre-push") {
		t.Errorf("installing: %v", err)
	}
	equal(t, "refusing", snapshot(t, filepath.Join(w.work, ".husky")), before)
}

// An install that was killed while it wrote the script leaves an unfinished file. The next one
// removes it, and nothing else.
func TestRestOfAKilledInstall(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.work, ".git", "hooks")
	write(t, filepath.Join(dir, ".new-mine"), "a person's", 0o644)
	before := snapshot(t, dir)
	write(t, filepath.Join(dir, ".new-123456"), "#!/bin/sh\n# kv-", 0o600)
	w.install(hooks.Options{})
	if _, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err != nil {
		t.Fatal(err)
	}
	equal(t, "after it", snapshot(t, dir), before)
}

// Two installs at once, as of the packages of one repository, would both move a hook: the
// second one kv-sync's script over the former hook.
func TestOneInstallAtATime(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.work, ".git", "hooks")
	write(t, filepath.Join(dir, "pre-push"), "#!/bin/sh\ncat >/dev/null\n", 0o755)
	before := snapshot(t, dir)
	lock, err := filelock.Folder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	r := w.find()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := hooks.Install(ctx, r, hooks.PrePushHook, hooks.Options{}); err == nil {
			t.Error("an install beside another one succeeds")
		}
	})
	both.Go(func() {
		if _, err := hooks.Uninstall(ctx, r, hooks.PrePushHook); err == nil {
			t.Error("an uninstall beside an install succeeds")
		}
	})
	both.Wait()
	equal(t, "waiting", snapshot(t, dir), before)
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		both.Go(func() {
			if s, err := hooks.Install(t.Context(), r, hooks.PrePushHook, hooks.Options{}); err != nil || s.Chained == "" {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
	both.Wait()
	if _, err := hooks.Uninstall(t.Context(), r, hooks.PrePushHook); err != nil {
		t.Fatal(err)
	}
	equal(t, "uninstalling", snapshot(t, dir), before)
}

// An install that was killed before it wrote the script is completed by the next one, or undone.
func TestKilledInstall(t *testing.T) {
	w := newWorld(t)
	hook := filepath.Join(w.work, ".git", "hooks", "pre-push")
	write(t, hook, "#!/bin/sh\ncat >/dev/null; echo mine >&2\n", 0o755)
	before := snapshot(t, filepath.Dir(hook))
	for _, again := range []bool{true, false} {
		mkdir(t, filepath.Dir(kept(hook)))
		if err := os.Link(hook, kept(hook)); err != nil {
			t.Fatal(err)
		}
		w.commit(map[string]string{"public/index.html": fmt.Sprint(again)})
		if out := w.pushes(true); strings.Count(out, "mine") != 1 {
			t.Errorf("the push says\n%s", out)
		}
		if again {
			w.install(hooks.Options{})
			w.commit(map[string]string{"public/index.html": "more"})
			if out := w.pushes(true); strings.Count(out, "mine") != 1 || !strings.Contains(w.traced(), "check") {
				t.Errorf("after installing again, the push says\n%s", out)
			}
		}
		if _, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err != nil {
			t.Fatal(err)
		}
		equal(t, "uninstalling", snapshot(t, filepath.Dir(hook)), before)
		if _, err := os.Stat(filepath.Dir(kept(hook))); !os.IsNotExist(err) {
			t.Errorf("the folder of former hooks: %v", err)
		}
	}
}

// An uninstall that was killed after it put the former hook back is completed by the next one.
func TestKilledUninstall(t *testing.T) {
	w := newWorld(t)
	hook := filepath.Join(w.work, ".git", "hooks", "pre-push")
	write(t, hook, "#!/bin/sh\ncat >/dev/null\n", 0o755)
	mkdir(t, filepath.Dir(kept(hook)))
	if err := os.Symlink("../hooks/lib.sh", filepath.Join(filepath.Dir(kept(hook)), "lib.sh")); err != nil {
		t.Fatal(err)
	}
	if _, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(kept(hook))); !os.IsNotExist(err) {
		t.Errorf("the folder of former hooks: %v", err)
	}
}

// Install with other settings keeps those that are not given, so that advice such as "hook install
// --branch main" does not lose the file with the token. Uninstall removes all of them.
func TestInstallAgainKeepsSettings(t *testing.T) {
	w := newWorld(t)
	want := hooks.Settings{
		Mode: hooks.Upload, Name: "blog", Dir: "public", Remote: "origin", EnvFile: "/etc/kv-sync/blog.env",
	}
	w.install(hooks.Options{Settings: want})
	want.Branch = "live"
	if s := w.install(hooks.Options{Settings: hooks.Settings{Branch: "live"}}); s.Settings != want {
		t.Errorf("the settings are %+v, want %+v", s.Settings, want)
	}
	want.Mode = hooks.Deploy
	if s := w.install(hooks.Options{Settings: hooks.Settings{Mode: hooks.Deploy}}); s.Settings != want {
		t.Errorf("the settings are %+v, want %+v", s.Settings, want)
	}
	if _, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err != nil {
		t.Fatal(err)
	}
	if s := w.install(hooks.Options{}); s.Settings != (hooks.Settings{Mode: hooks.Check}) {
		t.Errorf("after uninstalling, the settings are %+v", s.Settings)
	}
}

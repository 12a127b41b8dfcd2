package hooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

func TestHooksPath(t *testing.T) {
	for name, set := range map[string]func(w *world) (value, dir string){
		"relative": func(w *world) (string, string) { return "tools/hooks", filepath.Join(w.work, "tools/hooks") },
		"absolute": func(w *world) (string, string) { d := w.t.TempDir(); return d, d },
		"home":     func(w *world) (string, string) { return "~/hooks", filepath.Join(os.Getenv("HOME"), "hooks") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			value, dir := set(w)
			w.git(w.work, "config", "--global", "core.hooksPath", value)
			sub := filepath.Join(w.work, "public")
			r, err := hooks.Find(t.Context(), sub)
			if err != nil {
				t.Fatal(err)
			}
			s, err := hooks.Install(t.Context(), r, hooks.PrePushHook, hooks.Options{Settings: hooks.Settings{Dir: "it's here"}})
			if err != nil || s.Path != filepath.Join(dir, "pre-push") || s.Shared != (name != "relative") {
				t.Fatalf("%+v, %v", s, err)
			}
			w.commit(map[string]string{"public/key.pem": secret})
			w.pushes(false)
			if got := w.traced(); !strings.Contains(got, "it's here pre-push origin") {
				t.Errorf("the hook was asked %q", got)
			}
			if name == "relative" {
				return
			}
			// The folder serves other repositories, and they are left alone.
			other := newWorldBeside(w)
			other.commit(map[string]string{"public/key.pem": secret})
			other.pushes(true)
			if s, err := hooks.StatusOf(t.Context(), other.find(), hooks.PrePushHook); err != nil || s.Installed {
				t.Errorf("beside it, the status is %+v, %v", s, err)
			}
			config := snapshot(t, filepath.Join(w.work, ".git", "config"))
			if _, err := hooks.Uninstall(t.Context(), r, hooks.PrePushHook); err != nil {
				t.Fatal(err)
			}
			for _, text := range config {
				if !strings.Contains(text, "pre-push") {
					t.Errorf("the configuration was %q", text)
				}
			}
			for _, text := range snapshot(t, filepath.Join(w.work, ".git", "config")) {
				if strings.Contains(text, "kv-sync") {
					t.Errorf("the configuration is %q", text)
				}
			}
		})
	}
}

func TestLinkedWorktree(t *testing.T) {
	w := newWorld(t)
	tree := filepath.Join(t.TempDir(), "linked")
	w.git(w.work, "worktree", "add", "-q", "-b", "side", tree)
	main := w.work
	w.work = tree
	s := w.install(hooks.Options{})
	if want := filepath.Join(main, ".git", "hooks", "pre-push"); s.Path != want || s.Shared {
		t.Errorf("it was installed as %+v, want %s", s, want)
	}
	w.commit(map[string]string{"public/key.pem": secret})
	w.pushes(false, "origin", "HEAD:main")
	// GIT_DIR is how git tells where it is; another repository is not meant by it.
	t.Setenv("GIT_DIR", filepath.Join(main, ".git"))
	r, err := hooks.Find(t.Context(), "")
	if err != nil || r.GitDir != filepath.Join(main, ".git") {
		t.Errorf("GIT_DIR is not honoured: %+v, %v", r, err)
	}
	other := newWorldBeside(w)
	if r, err = hooks.Find(t.Context(), other.work); err != nil || r.GitDir != filepath.Join(other.work, ".git") {
		t.Errorf("GIT_DIR leads to another repository: %+v, %v", r, err)
	}
}

func TestNoRepository(t *testing.T) {
	if _, err := hooks.Find(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "find the git repository") {
		t.Errorf("%v", err)
	}
}

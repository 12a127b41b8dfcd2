package hooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/realpath"
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
				t.Errorf("the hook traced %q", got)
			}
			if name == "relative" {
				return
			}
			// Other repositories with this folder are not affected.
			other := newWorldBeside(w)
			other.commit(map[string]string{"public/key.pem": secret})
			other.pushes(true)
			if s, err := hooks.StatusOf(t.Context(), other.find(), hooks.PrePushHook); err != nil || s.Installed {
				t.Errorf("the status of another repository is %+v, %v", s, err)
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

// core.hooksPath may be set in any of git's configurations.
func TestHooksPathOfSomeWorktrees(t *testing.T) {
	t.Run("of one worktree", func(t *testing.T) {
		w := newWorld(t)
		tree := filepath.Join(t.TempDir(), "linked")
		w.git(w.work, "worktree", "add", "-q", "-b", "side", tree)
		w.git(w.work, "config", "extensions.worktreeConfig", "true")
		w.git(tree, "config", "--worktree", "core.hooksPath", "own hooks")
		linked := *w
		linked.work = tree
		if s := linked.install(hooks.Options{}); s.Path != filepath.Join(tree, "own hooks", "pre-push") || s.Shared {
			t.Errorf("it was installed as %+v", s)
		}
		linked.commit(map[string]string{"public/key.pem": secret})
		linked.pushes(false, "origin", "HEAD:main")
		// The main worktree has its own folder, which is empty.
		if s, err := hooks.StatusOf(t.Context(), w.find(), hooks.PrePushHook); err != nil || s.Installed ||
			s.Path != filepath.Join(w.work, ".git", "hooks", "pre-push") {
			t.Errorf("the status of the main worktree is %+v, %v", s, err)
		}
		if s, err := hooks.Uninstall(t.Context(), linked.find(), hooks.PrePushHook); err != nil || !s.Removed {
			t.Errorf("uninstalling: %+v, %v", s, err)
		}
		linked.pushes(true, "origin", "HEAD:main")
	})
	t.Run("by a condition", func(t *testing.T) {
		w := newWorld(t)
		dir := filepath.Join(t.TempDir(), "theirs")
		write(t, filepath.Join(os.Getenv("HOME"), "extra"), "[core]\n\thooksPath = "+dir+"\n", 0o644)
		w.git(w.work, "config", "--global", "includeIf.gitdir:"+filepath.Dir(w.work)+"/.path",
			filepath.Join(os.Getenv("HOME"), "extra"))
		if s := w.install(hooks.Options{}); s.Path != filepath.Join(dir, "pre-push") || !s.Shared {
			t.Errorf("it was installed as %+v", s)
		}
		w.commit(map[string]string{"public/key.pem": secret})
		w.pushes(false)
		other := newWorldBeside(w) // the condition does not apply
		if s := other.install(hooks.Options{}); s.Path != filepath.Join(other.work, ".git", "hooks", "pre-push") {
			t.Errorf("another repository: %+v", s)
		}
	})
}

// A new repository gets the hooks of init.templateDir. Those of another tool are
// chained. kv-sync's hook has no effect where it was not installed, unless the user
// enables it for all repositories.
func TestTemplateOfHooks(t *testing.T) {
	w := newWorld(t)
	template := filepath.Join(t.TempDir(), "template")
	w.git(w.work, "config", "--global", "init.templateDir", template)
	write(t, filepath.Join(template, "hooks", "pre-push"), "#!/bin/sh\necho from the template >&2\n", 0o755)
	cloned := newWorldBeside(w)
	if s := cloned.install(hooks.Options{}); s.Chained == "" {
		t.Errorf("the status is %+v", s)
	}
	cloned.commit(map[string]string{"public/index.html": "one"})
	if out := cloned.pushes(true, "origin", "main"); !strings.Contains(out, "from the template") {
		t.Errorf("the push says\n%s", out)
	}
	if got := w.traced(); !strings.Contains(got, "check") {
		t.Errorf("the hook traced %q", got)
	}

	ours, err := os.ReadFile(filepath.Join(cloned.work, ".git", "hooks", "pre-push"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(template, "hooks", "pre-push"), string(ours), 0o755)
	second := newWorldBeside(w)
	second.commit(map[string]string{"public/key.pem": secret})
	second.pushes(true, "origin", "main")
	if got := w.traced(); got != "" {
		t.Errorf("a copy of the hook traced %q", got)
	}
	if s, err := hooks.StatusOf(t.Context(), second.find(), hooks.PrePushHook); err != nil || s.Installed || s.Other {
		t.Errorf("the status of a copy is %+v, %v", s, err)
	}
	w.git(w.work, "config", "--global", "kv-sync.pre-push.mode", "check")
	if s, err := hooks.StatusOf(t.Context(), second.find(), hooks.PrePushHook); err != nil || !s.Installed ||
		s.Settings.Mode != hooks.Check {
		t.Errorf("enabled for all: %+v, %v", s, err)
	}
	second.commit(map[string]string{"public/x.html": "x"})
	second.pushes(false, "origin", "main")
}

// A symlinked folder of hooks stays a symlink.
func TestSymlinkedFolderOfHooks(t *testing.T) {
	w := newWorld(t)
	dir, real := filepath.Join(w.work, ".git", "hooks"), filepath.Join(t.TempDir(), "hooks")
	if err := os.Rename(dir, real); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, dir); err != nil {
		t.Fatal(err)
	}
	if s := w.install(hooks.Options{}); !s.Shared {
		t.Errorf("the status is %+v", s)
	}
	w.commit(map[string]string{"public/key.pem": secret})
	w.pushes(false)
	if _, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(dir); err != nil || to != real {
		t.Errorf("the folder is a link to %q, %v", to, err)
	}
	w.pushes(true)
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
	// GIT_DIR selects the repository only if no folder is given.
	t.Setenv("GIT_DIR", filepath.Join(main, ".git"))
	r, err := hooks.Find(t.Context(), "")
	if err != nil || r.GitDir != filepath.Join(main, ".git") {
		t.Errorf("GIT_DIR is ignored: %+v, %v", r, err)
	}
	other := newWorldBeside(w)
	if r, err = hooks.Find(t.Context(), other.work); err != nil || r.GitDir != filepath.Join(other.work, ".git") {
		t.Errorf("GIT_DIR overrides the given folder: %+v, %v", r, err)
	}
}

func TestNoRepository(t *testing.T) {
	if _, err := hooks.Find(t.Context(), t.TempDir()); err == nil ||
		!strings.Contains(err.Error(), "find the git repository") {
		t.Errorf("%v", err)
	}
}

// git's answers are lines, so a path with a line break cannot be read from them. The error says
// what to do.
func TestLineBreakInThePath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a\nb", "work")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skip("this system has no such names")
	}
	newWorld(t).git(dir, "init", "-q")
	if _, err := hooks.Find(t.Context(), dir); err == nil ||
		!strings.Contains(err.Error(), "contains a line break; rename that folder") {
		t.Errorf("%v", err)
	}
}

// git runs no hook with an empty core.hooksPath, or one that is a file.
func TestHooksPathWithoutHooks(t *testing.T) {
	w := newWorld(t)
	for value, want := range map[string]string{"": "is empty", os.DevNull: "is not a folder"} {
		w.git(w.work, "config", "core.hooksPath", value)
		before := snapshot(t, w.work)
		if _, err := hooks.Install(t.Context(), w.find(), hooks.PrePushHook, hooks.Options{}); err == nil ||
			!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "git config --show-origin core.hooksPath") {
			t.Errorf("%q: installing: %v", value, err)
		}
		if s, err := hooks.StatusOf(t.Context(), w.find(), hooks.PrePushHook); err != nil || s.Installed || s.Refused == nil {
			t.Errorf("%q: the status is %+v, %v", value, s, err)
		}
		if s, err := hooks.Uninstall(t.Context(), w.find(), hooks.PrePushHook); err != nil || s.Removed {
			t.Errorf("%q: uninstalling: %+v, %v", value, s, err)
		}
		equal(t, "refusing", snapshot(t, w.work), before)
	}
}

// With GIT_DIR alone, git takes any folder for the work tree. That folder is not the repository's, unless git
// finds the same repository there.
func TestWorkTreeOfTheEnvironment(t *testing.T) {
	w := newWorld(t)
	gitDir, elsewhere := filepath.Join(w.work, ".git"), realpath.Resolve(t.TempDir())
	work := realpath.Resolve(w.work)
	for _, c := range []struct{ in, gitDir, workTree, top string }{
		{in: w.work, top: work},
		{in: filepath.Join(w.work, "public"), top: work},
		{in: gitDir},
		{in: elsewhere, gitDir: gitDir},
		{in: w.work, gitDir: gitDir, top: work},
		{in: elsewhere, gitDir: gitDir, workTree: w.work},
		{in: elsewhere, gitDir: gitDir, workTree: elsewhere, top: elsewhere},
	} {
		t.Chdir(c.in)
		for name, value := range map[string]string{"GIT_DIR": c.gitDir, "GIT_WORK_TREE": c.workTree} {
			t.Setenv(name, value)
			if value == "" {
				_ = os.Unsetenv(name)
			}
		}
		r, err := hooks.Find(t.Context(), "")
		if err != nil || r.Top != c.top || r.Bare || realpath.Resolve(r.GitDir) != realpath.Resolve(gitDir) {
			t.Errorf("%+v: found %+v, %v", c, r, err)
		}
	}
}

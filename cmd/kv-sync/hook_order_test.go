package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hookTool is a tool that installs hooks, in a repository where its hook runs "sh check".
type hookTool struct {
	files              map[string]string
	install, uninstall func(t *testing.T, f *forge) string
	// skips is set if the tool prints a message instead of replacing the hook of another tool.
	// wrapped is set if kv-sync keeps the tool's hook as the former hook, where the tool's uninstall
	// does not find it.
	skips, wrapped bool
}

// checkScript records that it ran, and fails if there is a file "fail".
const checkScript = "echo ran >>ran; test ! -e fail\n"

// runs returns a step that runs a program in the work tree. In the arguments,
// MODULES is the folder of the packages.
func runs(args ...string) func(t *testing.T, f *forge) string {
	return func(t *testing.T, f *forge) string {
		t.Helper()
		words := make([]string, len(args))
		for i, a := range args {
			words[i] = strings.ReplaceAll(a, "MODULES", filepath.Join(f.work, "node_modules"))
		}
		return f.must(f.work, words[0], words[1:]...)
	}
}

// hookTools returns the real tools. Only overcommit is simulated, because it is a Ruby gem, and
// the tests install packages from npm and PyPI only.
func hookTools(t *testing.T) map[string]hookTool {
	t.Helper()
	commit := preCommit(t)
	plain := "#!/bin/sh\n# a person's\ncat >/dev/null\nsh check\n"
	writeHook := func(text string) func(t *testing.T, f *forge) string {
		return func(t *testing.T, f *forge) string {
			t.Helper()
			path := filepath.Join(f.work, ".git", "hooks", "pre-push")
			write(t, path, text)
			return f.must(f.work, "chmod", "+x", path)
		}
	}
	remove := runs("rm", "-f", ".git/hooks/pre-push")
	const overcommit = `set -e; cd .git/hooks; own() { grep -qs OVERCOMMIT_DISABLE "$1"; }; `
	return map[string]hookTool{
		"husky 9": {
			files:     map[string]string{".husky/pre-push": "sh check\n"},
			install:   runs("node", "MODULES/husky/bin.js"),
			uninstall: runs("git", "config", "--unset", "core.hooksPath"),
		},
		"husky 4": {
			files:     map[string]string{"package.json": `{"name": "x", "husky": {"hooks": {"pre-push": "sh check"}}}`},
			install:   runs("node", "MODULES/husky4/husky.js", "install"),
			uninstall: runs("node", "MODULES/husky4/husky.js", "uninstall"), skips: true, wrapped: true,
		},
		"yorkie": {
			files:     map[string]string{"package.json": `{"name": "x", "gitHooks": {"pre-push": "sh check"}}`},
			install:   runs("node", "MODULES/yorkie/bin/install.js"),
			uninstall: runs("node", "MODULES/yorkie/bin/uninstall.js"), skips: true, wrapped: true,
		},
		"lefthook": {
			files:     map[string]string{"lefthook.yml": "pre-push:\n  commands:\n    check:\n      run: sh check\n"},
			install:   runs("sh", "-c", "rm -f .git/hooks/pre-push.old; exec MODULES/.bin/lefthook install -f"),
			uninstall: runs("MODULES/.bin/lefthook", "uninstall"),
		},
		"simple-git-hooks": {
			files:     map[string]string{"package.json": `{"name": "x", "simple-git-hooks": {"pre-push": "sh check"}}`},
			install:   runs("node", "MODULES/.bin/simple-git-hooks"),
			uninstall: runs("node", "MODULES/simple-git-hooks/uninstall.js"),
		},
		"pre-commit": {
			files: map[string]string{".pre-commit-config.yaml": "repos:\n- repo: local\n  hooks:\n  - id: check\n" +
				"    name: check\n    entry: sh check\n    language: system\n    stages: [pre-push]\n    always_run: true\n" +
				"    pass_filenames: false\n"},
			install:   runs(commit, "install", "--hook-type", "pre-push"),
			uninstall: runs(commit, "uninstall", "--hook-type", "pre-push"),
		},
		"overcommit": {
			install: runs("sh", "-c", overcommit+
				`mkdir -p old-hooks; own pre-push || [ ! -e pre-push ] || mv pre-push old-hooks/; `+
				`printf '#!/bin/sh\n# OVERCOMMIT_DISABLE\n[ "${0##*/}" != pre-push ] || sh check\n' >overcommit-hook; `+
				`chmod +x overcommit-hook; rm -f pre-push; cp overcommit-hook pre-push; rmdir old-hooks 2>/dev/null || :`),
			uninstall: runs("sh", "-c", overcommit+`rm -f overcommit-hook; ! own pre-push || rm -f pre-push; `+
				`[ ! -d old-hooks ] || { mv old-hooks/* . 2>/dev/null || :; rm -r old-hooks; }`),
			wrapped: true,
		},
		"a script": {install: writeHook(plain), uninstall: remove, wrapped: true},
		"a folder of scripts": {
			install: func(t *testing.T, f *forge) string {
				t.Helper()
				write(t, filepath.Join(f.work, ".git", "hooks", "pre-push.d", "1"), "#!/bin/sh\ncat >/dev/null; sh check\n")
				f.must(f.work, "chmod", "+x", ".git/hooks/pre-push.d/1")
				return writeHook("#!/bin/bash\nset -e; lines=$(cat)\nname=$(basename \"${BASH_SOURCE[0]}\")\n"+
					"for each in \"$(dirname \"$0\")\"/\"$name\".d/*; do\n\techo \"$lines\" | \"$each\" \"$@\"\ndone\n")(t, f)
			},
			uninstall: runs("rm", "-rf", ".git/hooks/pre-push", ".git/hooks/pre-push.d"),
			wrapped:   true,
		},
	}
}

// linkPackages creates node_modules in the work tree, and sets npm's variables. yorkie searches
// for the repository from the folder that its link leads to.
func linkPackages(t *testing.T, f *forge) {
	t.Helper()
	modules, here := nodeManagers(t), filepath.Join(f.work, "node_modules")
	if _, err := os.Stat(here); err == nil {
		return
	}
	f.env = append(f.env, "INIT_CWD="+f.work, "npm_config_user_agent=npm/10.0.0 node/v20",
		"npm_config_update_notifier=false", "npm_config_offline=true")
	entries, err := os.ReadDir(modules)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(here, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "yorkie" {
			err = os.CopyFS(filepath.Join(here, "yorkie"), os.DirFS(filepath.Join(modules, "yorkie")))
		} else {
			err = os.Symlink(filepath.Join(modules, e.Name()), filepath.Join(here, e.Name()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(f.work, ".git", "info", "exclude"), "node_modules\n")
}

// order is a repository in which kv-sync and a tool are installed and uninstalled.
type order struct {
	*forge
	t    *testing.T
	tool hookTool
	// active is set if the tool reported that its hook is installed.
	active bool
	// orphan is set if the tool was uninstalled while its hook was the former hook.
	orphan bool
	failed bool // the push with a tool that fails was tried
	pushes int
}

func newOrder(t *testing.T, tool hookTool) *order {
	t.Helper()
	f := newForge(t)
	linkPackages(t, f)
	for name, text := range tool.files {
		write(t, filepath.Join(f.work, filepath.FromSlash(name)), text)
	}
	write(t, filepath.Join(f.work, "check"), checkScript)
	f.commit("with the tool")
	f.must(f.work, "git", "push", "-q", "origin", "main")
	return &order{forge: f, t: t, tool: tool}
}

// step runs one step and returns its output.
func (o *order) step(name string) string {
	o.t.Helper()
	switch name {
	case "tool":
		out := o.tool.install(o.t, o.forge)
		o.active = !o.tool.skips || !strings.Contains(out, "skipping")
		return out
	case "remove tool":
		_, err := os.Stat(filepath.Join(o.work, ".git", "hooks.before-kv-sync", "pre-push"))
		o.active, o.orphan = false, o.orphan || err == nil
		return o.tool.uninstall(o.t, o.forge)
	case "kv-sync":
		out, _ := o.command(o.work, "kv-sync", "hook", "install").CombinedOutput()
		return string(out)
	default:
		out, _ := o.command(o.work, "kv-sync", "hook", "uninstall").CombinedOutput()
		return string(out)
	}
}

// push pushes a new commit. It counts the runs of kv-sync and of the tool.
func (o *order) push() (kvSync, tool int, out string, err error) {
	o.t.Helper()
	o.pushes++
	o.commit(strings.Repeat("x", o.pushes))
	_ = os.Remove(filepath.Join(o.work, "ran"))
	b, err := o.command(o.work, "git", "push", "origin", "main").CombinedOutput()
	ran, _ := os.ReadFile(filepath.Join(o.work, "ran"))
	_ = os.Remove(filepath.Join(o.work, "ran"))
	return strings.Count(string(b), "kv-sync: refs/heads/main"), strings.Count(string(ran), "ran"), string(b), err
}

// check pushes, and compares the hooks that ran with kv-sync's status.
func (o *order) check(after string) {
	o.t.Helper()
	status := o.must(o.work, "kv-sync", "hook", "status")
	says := strings.HasPrefix(status, "Installed: ") || strings.HasPrefix(status, "Run by ")
	kvSync, tool, out, err := o.push()
	stopped := strings.Contains(out, "stopped by the hook from before kv-sync")
	switch {
	case err != nil && !o.orphan:
		o.t.Errorf("%s: the push failed: %v\n%s", after, err, out)
	case (kvSync == 1) != says && (!stopped || !o.orphan) || kvSync > 1:
		o.t.Errorf("%s: kv-sync ran %d times, and the status is\n%s\nthe push says\n%s", after, kvSync, status, out)
	case o.active && tool != 1 || tool > 1:
		o.t.Errorf("%s: the tool ran %d times (active: %v):\n%s", after, tool, o.active, out)
	}
	if !o.active || !says || o.failed {
		return
	}
	o.failed = true
	write(o.t, filepath.Join(o.work, "fail"), "")
	if _, _, out, err := o.push(); err == nil {
		o.t.Errorf("%s: the tool failed and the push did not:\n%s", after, out)
	}
	if err := os.Remove(filepath.Join(o.work, "fail")); err != nil {
		o.t.Fatal(err)
	}
	o.must(o.work, "git", "rm", "-q", "--cached", "fail")
	o.must(o.work, "git", "commit", "-q", "-m", "without fail")
	o.must(o.work, "git", "push", "-q", "--no-verify", "origin", "main")
}

// hookFiles returns the files of a repository's folder of hooks, with their modes.
func hookFiles(t *testing.T, work string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c",
		`find . ! -name "*.sample" -type f -exec stat -c "%n %a" {} \; -exec cat {} \; ; ls -d ../hooks.* 2>/dev/null; true`)
	cmd.Dir = filepath.Join(work, ".git", "hooks")
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.ReplaceAll(string(out), filepath.Dir(work), "ROOT")
}

// kv-sync and each tool are installed and uninstalled, each of them first. After each step, a push
// runs the hooks that the status names. At the end no hook of kv-sync is left. These orders show what
// the tools do; TestHooksOfManyToolsAtRandom of package hooks tries many orders with models of them.
func TestHookToolsInAnyOrder(t *testing.T) {
	for name, tool := range hookTools(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			twin := newOrder(t, tool)
			twin.step("tool")
			twin.step("remove tool")
			want := hookFiles(t, twin.work)
			for _, steps := range []string{
				"tool, kv-sync, tool, kv-sync, remove kv-sync, tool, remove tool",
				"kv-sync, tool, remove kv-sync, kv-sync, remove tool, remove kv-sync",
			} {
				t.Run(steps, func(t *testing.T) {
					o, done := newOrder(t, tool), ""
					for step := range strings.SplitSeq(steps, ", ") {
						said := o.step(step)
						done += step + ": "
						o.check(done + "\n" + said)
					}
					if got := hookFiles(t, o.work); got != want && !o.orphan && !tool.skips {
						t.Errorf("the hooks are\n%s\nwithout kv-sync they are\n%s", got, want)
					}
				})
			}
		})
	}
}

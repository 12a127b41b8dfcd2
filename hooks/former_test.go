package hooks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/hooks"
)

// A former hook still finds its own name, the files beside it and the folder above, in every
// language. It also finds files that were written after kv-sync was installed.
func TestFormerHookFindsFilesBesideIt(t *testing.T) {
	for name, text := range map[string]string{
		"sh": "#!/bin/sh\n. \"$(dirname \"$0\")/lib.sh\"\n" +
			"say \"$(basename \"$0\")\" \"$(cat \"$(dirname \"$0\")/../top\")\"\n",
		"suffix": "#!/bin/sh\n. \"${0%/*}/lib.sh\"\ncd \"${0%/*}/..\" && say \"${0##*/}\" \"$(cat top)\"\n",
		"bash": "#!/bin/bash\n[[ ${BASH_SOURCE[0]} == \"$0\" ]] || exit 0\n. \"$(dirname \"${BASH_SOURCE[0]}\")/lib.sh\"\n" +
			"say \"$(basename \"$0\")\" \"$(sed -n 's/^# about: //p' \"$0\")\"\n# about: top\n",
		"again": "#!/bin/sh\n[ \"$AGAIN\" ] || AGAIN=1 exec \"$0\" \"$@\"\n" +
			". \"$(dirname \"$0\")/lib.sh\"\nsay pre-push top\n",
		"python3": "#!/usr/bin/env python3\nimport pathlib, sys\nimport lib\n" +
			"here = pathlib.Path(__file__)\nlib.say(here.name, (here.parent.parent / 'top').read_text().strip())\n",
		"node": "#!/usr/bin/env node\nconst path = require('path'), fs = require('fs')\n" +
			"require('./lib.js')(path.basename(__filename), " +
			"fs.readFileSync(path.join(__dirname, '..', 'top'), 'utf8').trim())\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := filepath.Join(w.work, ".git", "hooks")
			write(t, filepath.Join(w.work, ".git", "top"), "top\n", 0o644)
			write(t, filepath.Join(dir, "pre-push"), text, 0o755)
			w.install(hooks.Options{})
			write(t, filepath.Join(dir, "lib.sh"), "say() { echo \"it is $1 below $2\" >&2; }\n", 0o644)
			write(t, filepath.Join(dir, "lib.py"),
				"import sys\ndef say(name, top): print(f'it is {name} below {top}', file=sys.stderr)\n", 0o644)
			write(t, filepath.Join(dir, "lib.js"), "module.exports = (n, t) => console.error(`it is ${n} below ${t}`)\n", 0o644)
			w.commit(map[string]string{"public/index.html": name})
			if out := w.pushes(true); !strings.Contains(out, "it is pre-push below top") {
				t.Errorf("the push says\n%s", out)
			}
			if !strings.Contains(w.traced(), "check") {
				t.Error("kv-sync did not run")
			}
		})
	}
}

// The files beside a former hook are links, which stay valid when the repository is moved
// or copied. Two kinds of hooks share the folder.
func TestFolderOfFormerHooks(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.work, ".git", "hooks")
	write(t, filepath.Join(dir, "lib.sh"), "echo moved >&2\n", 0o644)
	write(t, filepath.Join(dir, "pre-push"), "#!/bin/sh\n. \"${0%/*}/lib.sh\"\n", 0o755)
	write(t, filepath.Join(dir, "post-receive"), "#!/bin/sh\n", 0o755)
	before := snapshot(t, dir)
	w.install(hooks.Options{})
	if _, err := hooks.Install(t.Context(), w.find(), hooks.PostReceiveHook, hooks.Options{}); err != nil {
		t.Fatal(err)
	}
	// Install already made the link, because the user who pushes may not be able to.
	if to, err := os.Readlink(filepath.Join(dir+".before-kv-sync", "lib.sh")); to != "../hooks/lib.sh" {
		t.Errorf("after installing, the link leads to %q, %v", to, err)
	}
	moved := *w
	moved.work = filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(w.work, moved.work); err != nil {
		t.Fatal(err)
	}
	moved.commit(map[string]string{"public/index.html": "two"})
	if out := moved.pushes(true); !strings.Contains(out, "moved\n") {
		t.Errorf("the push says\n%s", out)
	}
	if err := os.Rename(moved.work, w.work); err != nil {
		t.Fatal(err)
	}
	for _, k := range []hooks.Kind{hooks.PrePushHook, hooks.PostReceiveHook} {
		if _, err := os.Stat(filepath.Join(dir+".before-kv-sync", "lib.sh")); err != nil {
			t.Error(err)
		}
		if _, err := hooks.Uninstall(t.Context(), w.find(), k); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "uninstalling", snapshot(t, dir), before)
	if _, err := os.Stat(dir + ".before-kv-sync"); !os.IsNotExist(err) {
		t.Errorf("the folder of former hooks: %v", err)
	}
}

// Earlier releases kept the former hook beside the script. Installing again moves it.
func TestFormerHookOfAnEarlierScript(t *testing.T) {
	w := newWorld(t)
	hook := filepath.Join(w.work, ".git", "hooks", "pre-push")
	write(t, hook, "#!/bin/sh\n# kv-sync pre-push hook 3, written by \"kv-sync hook install\".\n", 0o755)
	write(t, hook+".before-kv-sync", "#!/bin/sh\necho \"${0##*/}\" >&2\n", 0o755)
	if s := w.install(hooks.Options{}); s.Chained != kept(hook) {
		t.Errorf("the status is %+v", s)
	}
	w.commit(map[string]string{"public/index.html": "two"})
	if out := w.pushes(true); !strings.Contains(out, "pre-push\n") {
		t.Errorf("the push says\n%s", out)
	}
}

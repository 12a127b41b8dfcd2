package daemon_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// If the daemon's configuration allows no build, nothing in a repository makes it run
// a program or read a file of the machine.
func TestNoBuildUnlessAllowed(t *testing.T) {
	t.Parallel()
	o, outside := newOrigin(t), t.TempDir()
	ran := filepath.Join(outside, "ran")
	touch := "touch " + ran
	fill(t, outside, map[string]string{"token.txt": "very-secret-token"})
	r := start(t, noPoll+siteOf(o))
	r.deploy(o, map[string]string{
		"wrangler.toml": "name = \"x\"\nmain = \"worker.js\"\n[build]\ncommand = \"" + touch +
			"\"\n[assets]\ndirectory = \"public\"\nbinding = \"ASSETS\"\n",
		"worker.js":    "export default { fetch(q, e) { return e.ASSETS.fetch(q) } }",
		"package.json": `{"name":"x","scripts":{"build":"` + touch + `","install":"` + touch + `"}}`,
		".githooks/x":  touch, ".gitattributes": "* filter=x\npublic/* -filter\n",
		".gitmodules": "[submodule \"x\"]\n\tpath = x\n\turl = ext::" + touch + "\n",
	})
	for name, files := range map[string]map[string]string{
		"a build in kv-sync.toml": {"kv-sync.toml": "build = \"" + touch + "\"\n"},
		"the layout that builds":  {"kv-sync.toml": "layout = \"kv-assets\"\nbuild = \"" + touch + "\"\n"},
		"a file of this machine": {"kv-sync.toml": "", "worker.js": "import t from '" + filepath.Join(outside,
			"token.txt") + "'; export default { fetch() { return new Response(t) } }"},
		"a file above": {"worker.js": "import t from '../../../../../../../../.." + filepath.Join(outside,
			"token.txt") + "'; export default { fetch() { return new Response(t) } }"},
	} {
		head := o.push(files)
		r.poll("push")
		s := r.await("blog", name, func(s daemon.Status) bool { return s.Head == head && s.Phase == daemon.PhaseRefused })
		if strings.Contains(s.Problem, "very-secret") {
			t.Errorf("%s: %s", name, s.Problem)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "token.txt"), filepath.Join(o.dir, "public", "leak.txt")); err != nil {
		t.Fatal(err)
	}
	head := o.push(map[string]string{"worker.js": "export default { fetch(q, e) { return e.ASSETS.fetch(q) } }"})
	r.poll("push")
	r.await("blog", "a symlink", func(s daemon.Status) bool { return s.Head == head && s.Phase == daemon.PhaseRefused })
	if _, err := os.Stat(ran); err == nil {
		t.Error("a program was run")
	}
}

// A build runs in a checkout of the commit, without any secret, and its result is
// deployed as that commit.
func TestBuild(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{"src/page": "built 1"})
	secrets := t.TempDir()
	fill(t, secrets, map[string]string{"hook": "hook-secret-value\n", "token": "site-token-value\n"})
	conf := noPoll + "[webhook.github]\nsecret-file = \"" + secrets + "/hook\"\n" + siteOf(o, `dir = "dist"`,
		`build = "env; mkdir dist; cp src/page dist/index.html; echo say-hook-secret-value; `+
			`printf part-hook-sec; sleep 0.1; echo ret-value; printf last-hook-secret-value; git log -1 --format=%s"`)
	r := newTestDaemon(t, conf)
	r.env = append(r.env, "PLAIN=is-seen", "HIDDEN=hook-secret-value", "GIT_DIR=/nowhere")
	r.start()
	s := r.awaitLive(one)
	if s.Runs[0].Subject != "change 1" || s.Runs[0].Added != 1 {
		t.Errorf("%+v", s.Runs[0])
	}
	log, err := os.ReadFile(r.stateFile("build.log"))
	text := string(log)
	if err != nil || !strings.Contains(text, "PLAIN=is-seen") || !strings.Contains(text, "say-***") ||
		!strings.Contains(text, "part-***\n") || !strings.Contains(text, "last-***") || !strings.Contains(text, "change 1") {
		t.Errorf("%v: %s", err, text)
	}
	for _, secret := range []string{"hook-secret-value", r.p.Token, "CLOUDFLARE", "GIT_DIR"} {
		if strings.Contains(text, secret) {
			t.Errorf("the build can read %s", secret)
		}
	}
	if past := r.history("blog"); past[0].Commit != one || past[0].Record.Subject != "change 1" {
		t.Errorf("%+v", past[0])
	}

	// The order of commits and a rollback's hold apply to it.
	r.deploy(o, map[string]string{"src/page": "built 2"})
	r.rollBack(r.history("blog")[1].ID)
	r.stop()
	r.start()
	r.awaitPhase(daemon.PhaseHeld)
	if past := r.history("blog"); past[0].Commit != one {
		t.Errorf("%+v", past[0])
	}
}

// A submodule that the daemon does not fetch is named in the run, whether the build succeeds
// or not.
func TestEmptySubmoduleIsNamed(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(map[string]string{
		".gitmodules": "[submodule \"theme\"]\n\tpath = theme\n\turl = ssh://git@192.0.2.1/theme.git\n",
	})
	o.git(o.dir, "update-index", "--add", "--cacheinfo", "160000,"+one+",theme")
	if err := os.Mkdir(filepath.Join(o.dir, "theme"), 0o755); err != nil {
		t.Fatal(err)
	}
	two := o.push(nil)
	r := start(t, noPoll+siteOf(o, `build = "test ! -e broken"`))
	live := r.awaitLive(two)
	o.push(map[string]string{"broken": ""})
	r.poll("push")
	for _, s := range []daemon.Status{live, r.awaitPhase(daemon.PhaseRefused)} {
		if run := s.Runs[0]; len(run.Warnings) != 1 ||
			!strings.HasPrefix(run.Warnings[0], "a submodule is empty in the build: theme: ") {
			t.Errorf("the warnings of the run are %q", run.Warnings)
		}
	}
}

// A failed build changes nothing. It is not repeated until the branch moves or a person
// requests it.
func TestFailedBuild(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	count := filepath.Join(t.TempDir(), "count")
	r := start(t, noPoll+siteOf(o, `build = "echo x >> `+count+`; test ! -e broken || { echo what is wrong; exit 3; }"`))
	r.awaitLive(one)
	o.push(map[string]string{"broken": ""})
	r.poll("push")
	s := r.awaitPhase(daemon.PhaseRefused)
	if s.Live != one || !strings.Contains(s.Problem, "what is wrong") || !strings.Contains(s.Problem, "exit status 3") {
		t.Errorf("%+v", s)
	}
	r.pollAgain()
	builds := func() int {
		b, _ := os.ReadFile(count)
		return len(b) / 2
	}
	if n := builds(); n != 2 {
		t.Errorf("%d builds", n)
	}
	r.poll("grace")
	r.await("blog", "third build", func(s daemon.Status) bool { return builds() == 3 && s.Phase == daemon.PhaseRefused })
	remove(t, filepath.Join(o.dir, "broken"))
	r.deploy(o, nil)
}

// A build that hangs is cancelled by its timeout, by a newer commit and by the end of
// the daemon.
func TestHangingBuild(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	o.push(map[string]string{"hang": ""})
	r := start(t, noPoll+siteOf(o, `build = "test ! -e hang || { echo hanging; sleep 600; }"`, `build-timeout = "1s"`))
	if s := r.awaitPhase(daemon.PhaseRefused); !strings.Contains(s.Problem, "ended after 1s") || s.Live != "" {
		t.Errorf("%+v", s)
	}
	r.stop()
	r.conf = strings.ReplaceAll(r.conf, `"1s"`, `"1h"`)
	r.start()
	hanging := func() {
		t.Helper()
		r.await("blog", "build", func(s daemon.Status) bool {
			b, _ := os.ReadFile(r.stateFile("build.log"))
			return s.Phase == daemon.PhaseBuild && strings.Contains(string(b), "hanging")
		})
	}
	hanging()
	r.stopsAtOnce()
	r.start()
	hanging()
	remove(t, filepath.Join(o.dir, "hang"))
	two := r.deploy(o, nil)
	s := r.awaitLive(two)
	if s.Runs[1].Outcome != daemon.OutcomeInterrupted || !strings.Contains(s.Runs[1].Problem, "newer commit") {
		t.Errorf("%+v", s.Runs[1])
	}
}

// With build = true the repository's own build is run.
func TestRepositoryBuild(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	o.push(nil)
	r := start(t, noPoll+siteOf(o, "build = true"))
	if s := r.awaitPhase(daemon.PhaseRefused); !strings.Contains(s.Problem, "names no build") {
		t.Errorf("%+v", s)
	}
	two := r.deploy(o, map[string]string{"wrangler.toml": "name = \"x\"\npages_build_output_dir = \"made\"\n[build]\n" +
		"command = \"mkdir made && echo a > made/a.html\"\n"})
	if s := r.awaitLive(two); s.Runs[0].Added != 1 {
		t.Errorf("%+v", s.Runs[0])
	}
	// Each checkout is a new one, whatever the last build left in it.
	r.deploy(o, map[string]string{"wrangler.toml": "name = \"x\"\npages_build_output_dir = \"made\"\n[build]\ncommand " +
		"= \"mkdir -p made/sub && echo a > made/a.html && echo b > made/sub/b.html && chmod 500 made/sub\"\n"})
	r.deploy(o, nil)
}

// In the layout kv-assets the operator's command runs after the upload, with the
// index.
func TestBuildWithIndex(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	files := map[string]string{
		"kv-sync.toml":  "layout = \"kv-assets\"\nworker = \"out/worker.js\"\ndirectory = \"public\"\n",
		"wrangler.toml": "name = \"x\"\n[[rules]]\ntype = \"Data\"\nglobs = [\"**/*.bin\"]\n",
	}
	one := o.push(files)
	r := start(t, noPoll+siteOf(o,
		`build = "mkdir -p out && cp data/assets.bin out/ && echo 'import index from \"./assets.bin\"; `+
			`export default { fetch() { return new Response(index.byteLength) } }' > out/worker.js"`))
	r.awaitLive(one)
	r.deploy(o, nil)
}

// Builds are not reproducible, so a run that was killed between its switch and its
// record is not repeated.
func TestBuildIsNotRepeatedAfterItsSwitch(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one := o.push(nil)
	r := start(t, noPoll+siteOf(o, `dir = "dist"`, `build = "mkdir dist; date +%s%N > dist/index.html"`))
	r.awaitLive(one)
	r.stop()
	file := r.stateFile("state.json")
	var state map[string]any
	if err := json.Unmarshal([]byte(readFile(t, file)), &state); err != nil {
		t.Fatal(err)
	}
	runs := state["runs"].([]any)
	state["running"] = runs[0] // the state before the run was recorded
	delete(state, "runs")
	delete(state, "settled")
	delete(state, "live")
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Dir(file), map[string]string{"state.json": string(text)})
	r.start()
	s := r.awaitLive(one)
	if past := r.history("blog"); len(past) != 1 || s.Runs[0].Outcome != daemon.OutcomeNoChange ||
		s.Runs[1].Outcome != daemon.OutcomeInterrupted {
		t.Errorf("%d deployments of one commit; %+v", len(past), s.Runs)
	}
}

// The daemon's git runs nothing that a build names: the build has its own home, and
// its changes of the mirror's configuration and hooks are undone.
func TestGitRunsNothingOfABuild(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	outside := t.TempDir()
	ran := filepath.Join(outside, "ran")
	program := filepath.Join(outside, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plant := filepath.Join(outside, "plant")
	fill(t, outside, map[string]string{"plant": `set -e
until test -e ` + outside + `/building; do sleep 0.01; done
cd sites/blog
mirror=$PWD/mirror.git HOME=$PWD/home
git init -q --bare "$HOME/more.git"
echo "$HOME/more.git/objects" > "$mirror/objects/info/alternates"
git config --file "$mirror/config" core.alternateRefsCommand ` + program + `
git config --file "$mirror/config" core.hooksPath hooks
mkdir -p "$mirror/hooks"
cp ` + program + ` "$mirror/hooks/reference-transaction"
touch ` + outside + `/planted
`, "build": `set -e
touch ` + outside + `/building
until test -e ` + outside + `/planted; do sleep 0.01; done
test ! -e "$HOME/kept" || echo "was here before"
touch "$HOME/kept"
echo "home $HOME, $XDG_CONFIG_HOME$XDG_RUNTIME_DIR$SSH_AUTH_SOCK"
`})
	one := o.push(nil)
	r := newTestDaemon(t, noPoll+siteOf(o, `build = "sh `+filepath.Join(outside, "build")+`"`))
	r.env = append(r.env, "XDG_CONFIG_HOME=/elsewhere", "XDG_RUNTIME_DIR=/elsewhere", "SSH_AUTH_SOCK=/elsewhere")
	r.start()
	// Since Linux 6.12 a build cannot write there itself.
	r.awaitPhase(daemon.PhaseBuild)
	planting := exec.Command("sh", plant)
	planting.Dir = r.state
	if out, err := planting.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.awaitLive(one)
	if config := readFile(t, r.stateFile("mirror.git/config")); strings.Contains(config, program) {
		t.Errorf("the build's change of the mirror's configuration is still there: %s", config)
	}
	r.deploy(o, nil)
	if _, err := os.Stat(ran); err == nil {
		t.Error("the daemon's git ran a program of the build")
	}
	if log := readFile(t, r.stateFile("build.log")); !strings.Contains(log,
		"home "+r.stateFile("home")+", \n") || !strings.Contains(log, "was here before") {
		t.Errorf("%s", log)
	}
}

// Neither a build nor an import can publish files of the daemon's machine (promise 13).
func TestFilesOfTheMachineAreNotPublished(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ build, want string }{
		"folder":  {"rm -rf public; ln -s .git public", "git's own files"},
		"outside": {"rm -rf public; ln -s /etc public", "outside of"},
		"import": {`echo 'export { default } from "/proc/self/environ" with { type: "text" }' > dep.js`,
			"environ cannot be bundled"},
		"link": {`ln -s "$PWD/.." up; echo 'export { default } from "./up/build.log" with { type: "text" }' > dep.js`,
			"outside of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t)
			o.push(map[string]string{"wrangler.jsonc": `{"name": "blog", "compatibility_date": "2026-01-01", "main": "w.js"}`,
				"w.js": `import d from "./dep.js"; export default { fetch: () => new Response(d) }`, "dep.js": "export default 1"})
			r := start(t, noPoll+siteOf(o, fmt.Sprintf("dir = \"public\"\nbuild = %q", c.build)))
			if s := r.awaitPhase(daemon.PhaseRefused); !strings.Contains(s.Problem, c.want) {
				t.Errorf("%s", s.Problem)
			}
			for _, q := range r.p.Server.Requests() {
				if q.Method != "GET" {
					t.Errorf("the daemon sent %s %s", q.Method, q.Path)
				}
			}
		})
	}
}

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/pull/pulltest"
)

// overlay replaces what was written to the site at run time by edits.
func (r *runner) overlay(edits ...pulltest.Edit) {
	r.t.Helper()
	account := pulltest.Account{BaseURL: r.platform.BaseURL, ID: r.platform.AccountID, Token: r.token}
	if err := account.Write(r.t.Context(), "site", edits); err != nil {
		r.t.Fatal(err)
	}
}

// edit is a page as somebody wrote it at run time; was is "" for a new one.
func edit(path, content, was string) pulltest.Edit {
	e := pulltest.Edit{Path: path, Content: &content, Was: []*string{&was}, Author: "Ada <ada@example.org>",
		Message: "edit", Time: time.Date(2026, 11, 21, 10, 4, 0, 0, time.UTC)}
	if was == "" {
		e.Was[0] = nil
	}
	return e
}

// A pull makes a commit that the runner's user can read and push, and warns of conflicts.
func TestPull(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("first"), "public/about.html": []byte("theirs"),
		"public/old.html": []byte("old")})
	r.job(commit, nil, nil).want(t, 0)
	none := r.job(commit, map[string]string{"mode": "pull"}, nil)
	none.want(t, 0, "site: Nothing was written at run time.")
	if none.outputs["changed"] != "false" || none.outputs["commit"] != "" || none.outputs["conflicts"] != "0" {
		t.Errorf("without edits the outputs are %v", none.outputs)
	}

	hostile := edit("/new [page](b)~.html", "new", "")
	hostile.Author = "Eve\n::set-env name=x::y"
	hostile.Message = "<img src=x> [a](b) ##[error]x " + r.token
	deleted := edit("/old.html", "", "old")
	deleted.Content = nil
	hidden := edit("/.git/config", "x", "")
	r.overlay(edit("/index.html", "second", "first"), edit("/about.html", "mine", "deployed once"), hostile, deleted,
		hidden)

	dry := r.job(commit, map[string]string{"mode": "pull", "dry-run": "true"}, nil)
	dry.want(t, 0, "Pull: 2 files to write, 1 file to remove. Nothing was changed. 1 conflict left alone.")
	if dry.outputs["changed"] != "false" || dry.outputs["pulled"] != "3" {
		t.Errorf("a dry run's outputs are %v", dry.outputs)
	}
	o := r.job(commit, map[string]string{"mode": "pull"}, map[string]string{"GITHUB_EVENT_NAME": "schedule"})
	o.want(t, 0, "  ~ /index.html  2026-11-21 10:04 UTC by Ada <ada@example.org>: edit",
		"::warning file=public/about.html,line=1,", "kv-sync pull --resolved /about.html@")
	want := map[string]string{"changed": "true", "branch": "kv-sync/pull", "pulled": "3", "conflicts": "1",
		"deployment-id": none.outputs["deployment-id"]}
	for name, value := range want {
		if o.outputs[name] != value {
			t.Errorf("output %s is %q, want %q", name, o.outputs[name], value)
		}
	}
	if got := r.git(o.workspace, "rev-parse", "kv-sync/pull"); got != o.outputs["commit"] ||
		r.git(o.workspace, "rev-parse", "kv-sync/pull^") != commit {
		t.Errorf("the branch is at %s, outputs are %v", got, o.outputs)
	}
	r.git(o.workspace, "fsck", "--strict")
	changes := "A\tpublic/.kv-sync-pulled\nM\tpublic/index.html\nA\tpublic/new [page](b)~.html\nD\tpublic/old.html"
	if got := r.git(o.workspace, "diff", "--name-status", commit, "kv-sync/pull"); got != changes {
		t.Errorf("the commit changes\n%s", got)
	}
	for line := range strings.Lines(o.log) {
		if strings.HasPrefix(line, "::set-env") || strings.Contains(line, "##[") {
			t.Errorf("an author's name was printed as a workflow command: %q", line)
		}
	}
	if strings.Contains(o.summary, "<img") || strings.Contains(o.summary, "[a](b)") ||
		!strings.Contains(o.summary, "| conflict | /about&#46;html | 2026-11-21 10:04 UTC | Ada ") {
		t.Error("the summary has markup of an author, or lacks the conflict")
	}
	for line := range strings.Lines(r.seen.String()) {
		if strings.Contains(line, r.token) && !strings.HasPrefix(line, "::add-mask::") {
			t.Errorf("a secret is shown: %q", line)
		}
	}

	// With the inputs branch and into. Conflicts alone do not fail the job.
	r.overlay(edit("/about.html", "mine", "deployed once"))
	o = r.job(commit, map[string]string{"mode": "pull", "branch": "edits", "into": "static"}, nil)
	o.want(t, 0, "Nothing to pull but the conflicts. 1 conflict left alone.", "::warning title=")
	if o.outputs["changed"] != "false" || o.outputs["conflicts"] != "1" || o.outputs["branch"] != "edits" {
		t.Errorf("outputs are %v", o.outputs)
	}
}

func TestInvalidInputsOfPull(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
	r.job(commit, map[string]string{"branch": "edits", "into": "static"}, nil).want(t, 2,
		"input branch is for mode: pull", "input into is for mode: pull")
	r.job(commit, map[string]string{"mode": "pull", "projects": "true", "name": ""}, nil).want(t, 2,
		"input projects is for mode: deploy and mode: plan")
	if n := len(r.platform.Server.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	r.job(commit, nil, nil).want(t, 0)
	r.job(commit, map[string]string{"mode": "pull", "branch": "main"}, nil).want(t, 2, "branch main is checked out")
	r.job(commit, map[string]string{"mode": "pull", "branch": "a..b\n::error::x"}, nil).want(t, 2, "branch")
}

// workflowStep matches a step of a workflow that runs a shell script.
var workflowStep = regexp.MustCompile(`(?m)^      - (?:name|id): .*\n((?:        .*\n)*?)        run: \|\n((` +
	`?:          .*\n|\n)+)`)

// TestPullWorkflow runs the shell scripts of examples/workflows/pull.yml, with git and with a
// fake gh that keeps pull requests in a file.
func TestPullWorkflow(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("first"), "public/about.html": []byte("about")})
	r.job(commit, nil, nil).want(t, 0)
	r.git(r.origin, "checkout", "-q", "--detach") // so that all branches can be pushed to

	yml := read(t, "../../examples/workflows/pull.yml")
	steps := workflowStep.FindAllStringSubmatch(yml, -1)
	branch := regexp.MustCompile(`(?m)^ +BRANCH: (\S+)$`).FindStringSubmatch(yml)
	if len(steps) != 2 || branch == nil {
		t.Fatalf("pull.yml has %d steps for a shell, and the branch %v", len(steps), branch)
	}
	hub := t.TempDir()
	write(t, filepath.Join(hub, "gh"), []byte(`#!/bin/bash
set -e
[ -n "$GH_TOKEN" ] || { echo "gh: no token" >&2; exit 4; }
case "$1 $2" in
"auth setup-git") ;;
"pr list") cat "$HUB/open" ;;
"pr create") echo 7 >"$HUB/open"; echo "$@" >>"$HUB/log" ;;
*) echo "gh: $*" >&2; exit 1 ;;
esac
`))
	write(t, filepath.Join(hub, "open"), nil)
	write(t, filepath.Join(hub, "log"), nil)
	give(t, hub)
	if err := os.Chmod(filepath.Join(hub, "gh"), 0o755); err != nil {
		t.Fatal(err)
	}

	run := func() outcome {
		t.Helper()
		workspace := filepath.Join(t.TempDir(), "workspace")
		main := r.git(r.origin, "rev-parse", "main")
		r.checkOut(workspace, main)
		outputs := map[string]map[string]string{}
		shell := func(step []string) {
			file := filepath.Join(t.TempDir(), "output")
			write(t, file, nil)
			give(t, file)
			cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step[2])
			cmd.Dir, cmd.SysProcAttr = workspace, as(t, workspace)
			cmd.Env = append(os.Environ(), "PATH="+hub+":"+os.Getenv("PATH"), "HUB="+hub, "GITHUB_OUTPUT="+file,
				"BRANCH="+branch[1], "GH_TOKEN=x", "GIT_TEMPLATE_DIR=",
				"GITHUB_REF_NAME=main", "HOME="+hub, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
			for _, m := range regexp.MustCompile(`(\w+): \$\{\{ steps\.(\w+)\.outputs\.([\w-]+) \}\}`).FindAllStringSubmatch(
				step[1], -1) {
				cmd.Env = append(cmd.Env, m[1]+"="+outputs[m[2]][m[3]])
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s\n%s", err, step[2], out)
			}
			for line := range strings.Lines(read(t, file)) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				outputs["open"] = map[string]string{name: value}
			}
		}
		shell(steps[0])
		o := r.run(workspace, main, map[string]string{"mode": "pull", "branch": branch[1]},
			map[string]string{"GITHUB_EVENT_NAME": "schedule"})
		o.want(t, 0)
		outputs["pull"] = maps.Clone(o.outputs)
		if strings.Contains(steps[1][1], "if: steps.pull.outputs.changed == 'true'") && o.outputs["changed"] == "true" {
			shell(steps[1])
		}
		return o
	}
	requests := func() int { return strings.Count(read(t, filepath.Join(hub, "log")), "pr create") }

	if run(); requests() != 0 {
		t.Error("a pull request without edits was opened")
	}
	r.overlay(edit("/index.html", "second", "first"))
	one := run()
	if got := r.git(r.origin, "rev-parse", branch[1]); got != one.outputs["commit"] || requests() != 1 {
		t.Errorf("the branch is at %s, want %s; %d pull requests", got, one.outputs["commit"], requests())
	}
	if run(); requests() != 1 {
		t.Error("a second run opened another one")
	}

	// While the pull request is open, somebody pushes to its branch, and another page is written.
	r.git(r.origin, "checkout", "-q", branch[1])
	write(t, filepath.Join(r.origin, "public/index.html"), []byte("second, fixed"))
	r.git(r.origin, "commit", "-q", "-a", "-m", "Fix it")
	fixed := r.git(r.origin, "rev-parse", "HEAD")
	r.git(r.origin, "checkout", "-q", "--detach")
	r.overlay(edit("/index.html", "second", "first"), edit("/news.html", "news", ""))
	two := run()
	if got := r.git(r.origin, "rev-parse", branch[1]); got != two.outputs["commit"] ||
		r.git(r.origin, "rev-parse", got+"^") != fixed || requests() != 1 {
		t.Errorf("the branch is at %s on %s, %d pull requests", got, r.git(r.origin, "rev-parse", got+"^"), requests())
	}

	// The pull request is squashed and merged. Its branch stays.
	r.git(r.origin, "checkout", "-q", "main")
	r.git(r.origin, "merge", "-q", "--squash", branch[1])
	r.git(r.origin, "commit", "-q", "-m", "Merge")
	r.git(r.origin, "checkout", "-q", "--detach")
	write(t, filepath.Join(hub, "open"), nil)
	if run(); requests() != 1 {
		t.Error("a pull request was opened after the merge")
	}
	r.overlay(edit("/about.html", "about us", "about"))
	three := run()
	if got := r.git(r.origin, "rev-parse", branch[1]+"^"); got != r.git(r.origin, "rev-parse", "main") || requests() != 2 {
		t.Errorf("the next branch begins at %s; %d pull requests", got, requests())
	}
	if names := strings.Fields(r.git(r.origin, "diff", "--name-only", "main",
		three.outputs["commit"])); !slices.Equal(names, []string{"public/.kv-sync-pulled", "public/about.html"}) {
		t.Errorf("it changes %v", names)
	}
}

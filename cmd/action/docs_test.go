package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/options"
)

// TestActionFile checks that action.yml, the code and docs/action.md name the same inputs and
// outputs.
func TestActionFile(t *testing.T) {
	yml := read(t, "../../action.yml")
	declared := func(section string) map[string]bool {
		_, text, _ := strings.Cut(yml, "\n"+section+":\n")
		if end := regexp.MustCompile(`(?m)^\S`).FindStringIndex(text); end != nil {
			text = text[:end[0]]
		}
		names := map[string]bool{}
		for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+):`).FindAllStringSubmatch(text, -1) {
			names[m[1]] = true
		}
		return names
	}
	used := func(file, pattern string) map[string]bool {
		names := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1) {
			names[m[1]] = true
		}
		return names
	}
	inputs := map[string]bool{}
	for _, o := range options.Inputs() {
		inputs[o.Input] = true
	}
	for section, code := range map[string]map[string]bool{
		"inputs": inputs, "outputs": used("outputs.go", `\{"([a-z-]+)", [rsp]`),
	} {
		want := declared(section)
		if d := cmp.Diff(want, documented(t, section)); d != "" {
			t.Errorf("the %s of action.yml and docs/action.md differ (-action.yml +docs):\n%s", section, d)
		}
		for name := range want {
			if !code[name] {
				t.Errorf("action.yml declares %s %s, which the code does not know", section, name)
			}
		}
		for name := range code {
			if !want[name] {
				t.Errorf("the code uses %s %s, which action.yml does not declare", section, name)
			}
		}
		if len(want) < 8 {
			t.Errorf("action.yml declares only %d %s", len(want), section)
		}
	}
}

// documented are the names in the tables of a section of docs/action.md.
func documented(t *testing.T, section string) map[string]bool {
	t.Helper()
	_, text, _ := strings.Cut(strings.ToLower(read(t, "../../docs/action.md")), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	names := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(text, -1) {
		for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(row[1], -1) {
			names[m[1]] = true
		}
	}
	return names
}

// TestDocumentedEvents checks the table of docs/action.md that says which events deploy, which
// make a plan, and which are refused.
func TestDocumentedEvents(t *testing.T) {
	_, text, found := strings.Cut(read(t, "../../docs/action.md"), "\n## Which events deploy\n")
	if !found {
		t.Fatal("docs/action.md has no section about events")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
	const repo, stranger = `{"full_name":"someone/site"}`, `{"full_name":"stranger/site"}`
	of := func(body, repository string) string {
		return `{"repository":` + repo + `,` + strings.ReplaceAll(body, "REPO", repository) + `}`
	}
	events := map[string]string{
		"`push`, `schedule`, `workflow_dispatch`, `release`, and every event that is not in this table": ``,
		"`pull_request` that was closed and merged": of(
			`"action":"closed","pull_request":{"merged":true,"head":{"repo":REPO}}`, repo),
		"any other `pull_request`, `pull_request_review`, `pull_request_review_comment`": of(
			`"action":"opened","pull_request":{"head":{"repo":REPO}}`, repo),
		"`merge_group`": ``,
		"`workflow_run` after a `push`, `schedule` or `workflow_dispatch` of this repository": of(
			`"workflow_run":{"event":"push","head_repository":REPO}`, repo),
		"`workflow_run` after another event of this repository": of(
			`"workflow_run":{"event":"pull_request","head_repository":REPO}`, repo),
		"`workflow_run` of another repository's code, such as a fork's": of(
			`"workflow_run":{"event":"push","head_repository":REPO}`, stranger),
		"`pull_request_target`": ``,
	}
	rows := regexp.MustCompile(`(?m)^\| (.*`+"`"+`.*?) \| (deploys|plans|is refused)`).FindAllStringSubmatch(text, -1)
	if len(rows) != len(events) {
		t.Errorf("the table has %d events, want %d", len(rows), len(events))
	}
	for _, row := range rows {
		payload, known := events[row[1]]
		name := regexp.MustCompile("`([a-z_]+)`").FindStringSubmatch(row[1])
		if !known || name == nil {
			t.Errorf("no test knows the event %s", row[1])
			continue
		}
		t.Run(row[1], func(t *testing.T) {
			sub := *r
			sub.t, sub.seen = t, bytes.Buffer{}
			env := map[string]string{"GITHUB_EVENT_NAME": name[1]}
			if payload != "" {
				env["event"] = payload
			}
			with := map[string]string{"dry-run": "true"} // the log says whether a deploy would go live
			switch o := sub.job(commit, with, env); row[2] {
			case "deploys":
				o.want(t, 0)
				if strings.Contains(o.log, "nothing goes live") {
					t.Error("the job only makes a plan")
				}
			case "plans":
				o.want(t, 0, "nothing goes live")
			default:
				o.want(t, 2)
			}
		})
	}
}

// TestExamples checks that the example workflows set only inputs that action.yml declares.
func TestExamples(t *testing.T) {
	names, err := filepath.Glob("../../examples/workflows/*.yml")
	if err != nil || len(names) < 3 {
		t.Fatalf("found the workflows %v: %v", names, err)
	}
	yml := read(t, "../../action.yml")
	for _, name := range names {
		steps := regexp.MustCompile(`uses: kv-sync/kv-sync@v1\n +with:\n((?: {10}.*\n)+)`).
			FindAllStringSubmatch(read(t, name), -1)
		if len(steps) == 0 {
			t.Errorf("%s does not use the Action", name)
		}
		for _, step := range steps {
			for _, m := range regexp.MustCompile(`(?m)^ +([a-z-]+):`).FindAllStringSubmatch(step[1], -1) {
				if !strings.Contains(yml, "\n  "+m[1]+":\n    description") {
					t.Errorf("%s sets the input %s, which action.yml does not declare", name, m[1])
				}
			}
		}
	}
}

// The example workflows for a deploy and for a rollback have the same site name and the same
// concurrency group. So the rollback changes the deployed site, and the two never run at the same
// time.
func TestRollbackFitsTheDeploy(t *testing.T) {
	group, name := regexp.MustCompile(`group: ([\w-]+)`), regexp.MustCompile(`(?m)^ +name: (my-[\w-]+)`)
	readme := read(t, "../../README.md")
	for _, file := range []string{
		"../../examples/workflows/deploy.yml", "../../examples/workflows/deploy-build.yml",
		"../../examples/workflows/deploy-hugo.yml", "../../examples/workflows/rollback.yml", "../../docs/action.md",
	} {
		text := read(t, file)
		if file == "../../docs/action.md" {
			_, text, _ = strings.Cut(text, "\n## Rollback\n")
		}
		for _, what := range []*regexp.Regexp{group, name} {
			want, got := what.FindStringSubmatch(readme), what.FindStringSubmatch(text)
			if want == nil || got == nil || want[1] != got[1] {
				t.Errorf("%s has %q, README.md %q", file, got, want)
			}
		}
	}
}

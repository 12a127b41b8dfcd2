package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// binary is the path of the compiled Action. image_test.sh sets it to a program that runs
// the Action's image.
var binary = os.Getenv("KV_SYNC_ACTION")

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if binary != "" {
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "kv-sync-action-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "action")
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(string(out))
		}
		return m.Run()
	}())
}

func TestDeployAgainAndRollBack(t *testing.T) {
	r := newRunner(t)
	first := r.push(map[string][]byte{"public/index.html": []byte("<h1>one</h1>"), "public/about.html": []byte("about")})
	one := r.job(first, nil, nil)
	one.want(t, 0, "::group::Plan", "::endgroup::")
	if got := r.get("/"); got != "<h1>one</h1>" {
		t.Errorf("the site answers %q", got)
	}
	for _, name := range []string{"deployment-id", "version-id", "deployment-url", "plan-json"} {
		if one.outputs[name] == "" {
			t.Errorf("output %s is empty", name)
		}
	}
	if one.outputs["uploaded"] != "2" || one.outputs["previous-version-id"] != "" {
		t.Errorf("outputs are %v", one.outputs)
	}

	second := r.push(map[string][]byte{"public/index.html": []byte("<h1>two</h1>")})
	// Without a GitHub token, and with a clone of depth 1, the order of the commits is not known.
	stuck := r.job(second, nil, nil)
	stuck.want(t, 4, "fetch-depth: 0")
	if got := r.get("/"); got != "<h1>one</h1>" {
		t.Errorf("after a deploy that was stopped the site answers %q", got)
	}
	hub := gitHub(t, first, second)
	two := r.job(second, map[string]string{"github-token": "gh-secret-token-123"},
		map[string]string{"GITHUB_API_URL": hub})
	two.want(t, 0, "~ /index.html")
	if got := r.get("/"); got != "<h1>two</h1>" {
		t.Errorf("the site answers %q", got)
	}
	if two.outputs["uploaded"] != "1" || two.outputs["unchanged"] != "1" ||
		two.outputs["previous-version-id"] != one.outputs["version-id"] {
		t.Errorf("outputs are %v", two.outputs)
	}
	var plan struct{ Changed []struct{ Path string } }
	if err := json.Unmarshal([]byte(two.outputs["plan-json"]), &plan); err != nil || len(plan.Changed) != 1 ||
		plan.Changed[0].Path != "/index.html" {
		t.Errorf("plan-json is %q: %v", two.outputs["plan-json"], err)
	}
	if !strings.Contains(two.summary, "| changed | /index&#46;html |") || !strings.Contains(two.summary, "To go back") {
		t.Error("the summary has no diff, or does not say how to roll back")
	}

	r.platform.Server.ResetRequests()
	r.job(second, nil, nil).want(t, 0, "nothing to do")
	if n := len(r.platform.Server.Requests()); n > 2 {
		t.Errorf("a job that changes nothing sent %d requests", n)
	}
	dry := r.job(second, map[string]string{"mode": "rollback", "dry-run": "true"}, nil)
	dry.want(t, 0, "would go back to deployment "+one.outputs["deployment-id"])
	if got := r.get("/"); got != "<h1>two</h1>" {
		t.Errorf("after a dry run the site answers %q", got)
	}
	back := r.job(second, map[string]string{"mode": "rollback", "to": first},
		map[string]string{"GITHUB_EVENT_NAME": "workflow_dispatch"})
	back.want(t, 0, "is back at deployment")
	if got := r.get("/"); got != "<h1>one</h1>" {
		t.Errorf("after the rollback the site answers %q", got)
	}
	if back.outputs["deployment-id"] != one.outputs["deployment-id"] || back.outputs["uploaded"] != "0" {
		t.Errorf("outputs are %v", back.outputs)
	}
	again := r.job(second, nil, nil)
	again.want(t, 4, "is held back")
	r.job(second, map[string]string{"mode": "prune", "dry-run": "true"}, nil).want(t, 0, "0 keys would be deleted")

	for _, secret := range []string{r.token, "gh-secret-token-123"} {
		for line := range strings.Lines(r.seen.String()) {
			if strings.Contains(line, secret) && !strings.HasPrefix(line, "::add-mask::") {
				t.Errorf("a secret is shown: %q", line)
			}
		}
	}
}

// gitHub answers compare requests: second is ahead of first.
func gitHub(t *testing.T, first, second string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/someone/site/compare/"+first+"..."+second, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"ahead"}`)
	})
	return serve(t, mux)
}

func TestRefusedFilesAreAnnotated(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{
		"public/index.html":               []byte("x"),
		"public/big.bin":                  []byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
		"public/.assetsignore":            []byte("!.env\n"),
		"public/.env":                     []byte("SECRET=1"),
		"public/_redirects":               []byte("/a /b\n/only-one-field\n"),
		"public/a\\b|`x`\n::set-env::.js": []byte("x"),
	})
	o := r.job(commit, map[string]string{"directory": "public"}, nil)
	o.want(t, 3, "::error file=public/.env,line=1,", "::error file=public/big.bin,line=1,",
		"::error file=public/_redirects,line=2,")
	for line := range strings.Lines(o.log) {
		if strings.HasPrefix(strings.TrimSpace(line), "::set-env") {
			t.Errorf("a file's name became a command: %q", line)
		}
	}
	if n := len(r.platform.Server.Requests()); n > 2 {
		t.Errorf("%d requests were sent for a site that is refused", n)
	}
	if !strings.Contains(o.summary, "public/&#46;env") {
		t.Error("the summary does not name the refused file")
	}
}

func TestConfigurationProblemIsAnnotated(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x"), "kv-sync.toml": []byte("\nretian = 3\n")})
	r.job(commit, nil, nil).want(t, 2, "::error file=kv-sync.toml,line=2,")
}

// All mistakes are in one report: those of the inputs, the configuration, the account and the folder.
func TestMistakesAreReportedTogether(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x"), "kv-sync.toml": []byte("\nretian = 3\n")})
	wrong := map[string]string{"source": "ftp", "to": "abcdefg", "api-token": "", "directory": "nosuch"}
	all := []string{"input source", "input to", "::error file=kv-sync.toml,line=2,",
		"no API token; give the input api-token a secret", "no folder"}
	o := r.job(commit, wrong, nil)
	o.want(t, 2, all...)
	if strings.Contains(o.log, " --") || strings.Contains(o.summary, escape("--")) || strings.Count(o.log, "ftp") != 1 {
		t.Errorf("a mistake is reported twice, or as a flag of the command:\n%s", o.log)
	}
	wrong["working-directory"] = "../elsewhere"
	r.job(commit, wrong, nil).want(t, 2, "input source", "input to", "input working-directory")
	r.job(commit, map[string]string{"source": "ftp", "projects": "true", "name": ""}, nil).want(t, 2,
		"input source", "no folder projects")
	if n := len(r.platform.Server.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestForeignCodeGetsNoSecrets(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
	fork := `{"repository":{"full_name":"someone/site"},"pull_request":{"head":{"repo":{"full_name":"stranger/site"}}}}`
	for name, c := range map[string]struct {
		with, env map[string]string
		code      int
		log       string
	}{
		"pull_request_target": {nil, map[string]string{"GITHUB_EVENT_NAME": "pull_request_target"}, 2,
			"pull_request_target"},
		"pull_request_target in mode plan": {map[string]string{"mode": "plan"},
			map[string]string{"GITHUB_EVENT_NAME": "pull_request_target"}, 2, "pull_request_target"},
		"fork prunes": {map[string]string{"mode": "prune"},
			map[string]string{"GITHUB_EVENT_NAME": "pull_request", "event": fork}, 2, "not merged"},
		"merge group rolls back": {map[string]string{"mode": "rollback"},
			map[string]string{"GITHUB_EVENT_NAME": "merge_group"}, 2, "not merged"},
		"fork without token": {map[string]string{"api-token": ""},
			map[string]string{"GITHUB_EVENT_NAME": "pull_request", "event": fork}, 0,
			"::warning title=kv-sync::there is no API token"},
		"push without token": {map[string]string{"api-token": ""}, nil, 2,
			"give the input api-token a secret with one from"},
		"push without account": {map[string]string{"account-id": ""}, nil, 2, "give the input account-id the 32 digits"},
		"Dependabot's push without token": {map[string]string{"api-token": ""},
			map[string]string{"GITHUB_ACTOR": "dependabot[bot]"}, 2, "Dependabot secrets"},
		"workflow_run of a fork": {nil, map[string]string{"GITHUB_EVENT_NAME": "workflow_run",
			"event": `{"repository":{"full_name":"someone/site"},` +
				`"workflow_run":{"head_repository":{"full_name":"stranger/site"}}}`}, 2, "stranger/site"},
		"bad event": {nil, map[string]string{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": "/nonexistent"}, 1,
			"whose code"},
	} {
		t.Run(name, func(t *testing.T) {
			sub := *r
			sub.t, sub.seen = t, bytes.Buffer{}
			r.platform.Server.ResetRequests()
			sub.job(commit, c.with, c.env).want(t, c.code, c.log)
			if n := len(r.platform.Server.Requests()); n > 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

// A job for unmerged code makes a plan. In no mode does the code go live.
func TestUnmergedCodeIsPlanned(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
	pull := func(rest string) string {
		return `{"action":"opened","repository":{"full_name":"someone/site"},"pull_request":{"head":{"repo":` + rest + `}}}`
	}
	run := func(event string) string {
		return `{"repository":{"full_name":"Someone/Site"},"workflow_run":{"event":"` + event +
			`","head_repository":{"full_name":"someone/site"}}}`
	}
	for name, env := range map[string]map[string]string{
		"a pull request":           {"GITHUB_EVENT_NAME": "pull_request", "event": pull(`{"full_name":"someone/site"}`)},
		"a fork's pull request":    {"GITHUB_EVENT_NAME": "pull_request", "event": pull(`{"full_name":"stranger/site"}`)},
		"a deleted fork's request": {"GITHUB_EVENT_NAME": "pull_request", "event": pull(`null`)},
		"a pull request closed without a merge": {"GITHUB_EVENT_NAME": "pull_request",
			"event": strings.Replace(pull(`{"full_name":"someone/site"}`), "opened", "closed", 1)},
		"a review": {"GITHUB_EVENT_NAME": "pull_request_review",
			"event": strings.Replace(pull(`{"full_name":"stranger/site"}`), "opened", "submitted", 1)},
		"a comment in a review": {"GITHUB_EVENT_NAME": "pull_request_review_comment",
			"event": strings.Replace(pull(`{"full_name":"someone/site"}`), "opened", "created", 1)},
		"a merge group":                     {"GITHUB_EVENT_NAME": "merge_group"},
		"a run that a pull request started": {"GITHUB_EVENT_NAME": "workflow_run", "event": run("pull_request")},
		"a run that a comment started":      {"GITHUB_EVENT_NAME": "workflow_run", "event": run("issue_comment")},
	} {
		t.Run(name, func(t *testing.T) {
			sub := *r
			sub.t, sub.seen = t, bytes.Buffer{}
			r.platform.Server.ResetRequests()
			sub.job(commit, nil, env).want(t, 0, "+ /index.html", "nothing was written",
				"::warning title=kv-sync::this is a plan, and nothing goes live")
			for _, q := range r.platform.Server.Requests() {
				if q.Method != http.MethodGet {
					t.Errorf("a plan sent %s %s", q.Method, q.Path)
				}
			}
		})
	}
}

// A merged pull request deploys its merge commit. A workflow_run after a push deploys, too.
func TestMergedCodeGoesLive(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"a merged pull request, of a fork too": {"GITHUB_EVENT_NAME": "pull_request",
			"event": `{"action":"closed","repository":{"full_name":"someone/site"},` +
				`"pull_request":{"merged":true,"head":{"repo":{"full_name":"stranger/site"}}}}`},
		"a run after a push": {"GITHUB_EVENT_NAME": "workflow_run",
			"event": `{"repository":{"full_name":"someone/site"},` +
				`"workflow_run":{"event":"push","head_repository":{"full_name":"someone/site"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
			r.job(commit, nil, env).want(t, 0, "is live as deployment")
		})
	}
}

func TestInvalidInputs(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("x")})
	o := r.job(commit, map[string]string{"mode": "delete\n::error::x", "dry-run": "perhaps", "source": "ftp"}, nil)
	o.want(t, 2, "input mode", "input dry-run", "input source")
	if strings.Contains(o.log, "\n::error::x") {
		t.Error("an input became a command")
	}
	r.job(commit, map[string]string{"to": "abcdefg"}, nil).want(t, 2, "input to")
	r.job(commit, map[string]string{"api-token": ""}, nil).want(t, 2, "API token")
	if n := len(r.platform.Server.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestSourceCommitDeploysThePushedCommit(t *testing.T) {
	r := newRunner(t)
	first := r.push(map[string][]byte{"public/index.html": []byte("one")})
	o := r.job(first, map[string]string{"source": "commit", "directory": "public"},
		map[string]string{"GITHUB_SHA": strings.Repeat("0", 39) + "1"})
	if o.code == 0 {
		t.Error("a commit other than the event's was deployed")
	}
	r.job(first, map[string]string{"source": "commit", "directory": "public"}, nil).want(t, 0)
	if got := r.get("/"); got != "one" {
		t.Errorf("the site answers %q", got)
	}
}

// With source: commit, the Worker's code and its settings come from the pushed commit, even if
// the workflow has checked out another one.
func TestSourceCommitDeploysTheCodeOfTheCommit(t *testing.T) {
	r := newRunner(t)
	code := func(says string) []byte {
		return []byte(`import site from "@kv-sync/worker/site";
export default { fetch: (r, env, ctx) => new URL(r.url).pathname === "/says"
	? new Response("` + says + ` " + env.V) : site.fetch(r, env, ctx) };`)
	}
	pushed := r.push(map[string][]byte{
		"public/index.html": []byte("one"), "worker.js": code("pushed"),
		"wrangler.jsonc": []byte(`{"main": "worker.js", "compatibility_date": "2026-01-01", "vars": {"V": "1"}}`),
	})
	later := r.push(map[string][]byte{
		"worker.js": nil, "other.js": code("later"),
		"wrangler.jsonc": []byte(`{"main": "other.js", "compatibility_date": "2026-01-01", "vars": {"V": "2"}}`),
	})
	r.depth = 2
	r.job(later, map[string]string{"source": "commit"}, map[string]string{"GITHUB_SHA": pushed}).want(t, 0)
	if got := r.get("/says"); got != "pushed 1" {
		t.Errorf("the Worker says %q", got)
	}
}

func TestCancelledJobLeavesTheLiveSite(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{"public/index.html": []byte("one")})
	writing := make(chan struct{}, 1)
	r.platform.Server.SetFault(func(q platform.RequestInfo) platform.Fault {
		if q.Method != http.MethodPut {
			return platform.Fault{}
		}
		select {
		case writing <- struct{}{}:
		default:
		}
		return platform.Fault{Kind: platform.FaultHang}
	})
	dir := t.TempDir()
	give(t, dir)
	r.git(dir, "clone", "-q", r.origin, "w")
	cmd := exec.Command(binary)
	cmd.Env = []string{"GITHUB_WORKSPACE=" + filepath.Join(dir, "w"), "GITHUB_SHA=" + commit, "INPUT_NAME=site",
		"TMPDIR=" + dir, "INPUT_API-TOKEN=" + r.token, "INPUT_ACCOUNT-ID=" + r.platform.AccountID,
		"CLOUDFLARE_API_BASE_URL=" + r.platform.BaseURL}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is checked below
		close(done)
	}()
	select {
	case <-writing:
	case <-done:
	case <-time.After(2 * time.Minute):
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		_ = cmd.Process.Kill()
		t.Fatal("the job did not end after SIGTERM")
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(log.String(), "nothing went live") {
		t.Errorf("exit code %d, log:\n%s", code, log.String())
	}
	if at := r.platform.SiteURL("site"); at != "" {
		t.Errorf("the job was cancelled before its switch, but there is a site at %s", at)
	}
}

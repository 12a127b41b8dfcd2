package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// runner simulates GitHub's runner: it has a repository, and runs jobs that check it out and run
// the Action.
type runner struct {
	t        *testing.T
	platform *platformtest.Fixture
	origin   string // a work tree, cloned from by each job
	depth    int    // of the clones; 0 means 1
	token    string
	runs     int          // each job belongs to a run of its own
	seen     bytes.Buffer // all output of all jobs
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	r := &runner{t: t, platform: platformtest.Start(t), origin: t.TempDir(), token: "cf-secret-token-0123456789abcdef"}
	give(t, r.origin)
	r.git(r.origin, "init", "-q", "-b", "main")
	r.git(r.origin, "config", "uploadpack.allowAnySHA1InWant", "true")
	return r
}

func (r *runner) git(dir string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.SysProcAttr = as(r.t, dir)
	cmd.Env = append(os.Environ(), "HOME="+os.DevNull, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TEMPLATE_DIR=", "GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T",
		"GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// push commits these files (nil removes one) and returns the commit.
func (r *runner) push(files map[string][]byte) string {
	r.t.Helper()
	for name, content := range files {
		name = filepath.Join(r.origin, name)
		if content == nil {
			if err := os.Remove(name); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		write(r.t, name, content)
	}
	give(r.t, r.origin)
	r.git(r.origin, "add", "-A", "-f")
	r.git(r.origin, "commit", "-q", "-m", "Change the site")
	return r.git(r.origin, "rev-parse", "HEAD")
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// runnerID is the user and group of GitHub's runners. The Action's container runs as root.
const runnerID = 1001

// give changes the owner of a folder to the runner's user, if the tests run as root.
func give(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return // all files belong to the user of the tests
	}
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, runnerID, runnerID)
	})
	for above := filepath.Dir(dir); err == nil && above != filepath.Clean(os.TempDir()) &&
		above != "/"; above = filepath.Dir(above) {
		err = os.Chmod(above, 0o755) // the runner's user needs access
	}
	if err != nil {
		t.Fatal(err)
	}
}

func ownerOf(t *testing.T, name string) *syscall.Stat_t {
	t.Helper()
	st, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t)
}

// as makes a command run as the owner of a folder.
func as(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	owner := ownerOf(t, dir)
	if int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
}

// checkOwner checks that all files below a folder belong to the folder's owner.
func checkOwner(t *testing.T, dir string) {
	t.Helper()
	want := ownerOf(t, dir)
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if got := ownerOf(t, name); got.Uid != want.Uid || got.Gid != want.Gid {
			t.Errorf("%s belongs to %d:%d, and the workspace to %d:%d", name, got.Uid, got.Gid, want.Uid, want.Gid)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// outcome is the result of a job.
type outcome struct {
	code         int
	log, summary string
	outputs      map[string]string
	workspace    string
}

// job checks a commit out as actions/checkout does, and runs the Action with
// the environment that a runner gives a container.
func (r *runner) job(commit string, with, env map[string]string) outcome {
	r.t.Helper()
	dir := r.t.TempDir()
	workspace := filepath.Join(dir, "workspace")
	r.checkOut(workspace, commit)
	return r.run(workspace, commit, with, env)
}

// checkOut does what actions/checkout does.
func (r *runner) checkOut(workspace, commit string) {
	r.t.Helper()
	if err := os.Mkdir(workspace, 0o755); err != nil {
		r.t.Fatal(err)
	}
	give(r.t, workspace)
	r.git(workspace, "init", "-q")
	r.git(workspace, "remote", "add", "origin", r.origin)
	r.git(workspace, "fetch", "-q", "--no-tags", "--depth="+strconv.Itoa(max(r.depth, 1)), "origin",
		"+"+commit+":refs/remotes/origin/main")
	r.git(workspace, "checkout", "-q", "-B", "main", "refs/remotes/origin/main")
}

// run runs the Action in a workspace.
func (r *runner) run(workspace, commit string, with, env map[string]string) outcome {
	r.t.Helper()
	dir := filepath.Dir(workspace)
	outputs, summary, event := filepath.Join(dir, "output"), filepath.Join(dir, "summary"),
		filepath.Join(dir, "event.json")
	write(r.t, outputs, nil)
	write(r.t, summary, nil)
	write(r.t, event, []byte(`{"repository":{"full_name":"someone/site"}}`))
	r.runs++
	vars := map[string]string{
		"GITHUB_RUN_ID":  strconv.Itoa(r.runs),
		"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace, "GITHUB_OUTPUT": outputs, "GITHUB_STEP_SUMMARY": summary,
		"GITHUB_EVENT_PATH": event, "GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY": "someone/site", "GITHUB_SHA": commit,
		"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_ACTOR": "mona",
		"GITHUB_API_URL": "http://127.0.0.1:9",
		"HOME":           filepath.Join(dir, "home"), "PATH": "", "TMPDIR": filepath.Join(dir, "tmp"),
		"CLOUDFLARE_API_BASE_URL": r.platform.BaseURL,
		"INPUT_API-TOKEN":         r.token, "INPUT_ACCOUNT-ID": r.platform.AccountID, "INPUT_NAME": "site",
		"INPUT_DIRECTORY": "", "INPUT_SOURCE": "auto", "INPUT_MODE": "deploy", "INPUT_TO": "", "INPUT_CONFIG": "",
		"INPUT_DRY-RUN": "false", "INPUT_GITHUB-TOKEN": "", "INPUT_PROJECT": "", "INPUT_PROJECTS": "false",
		"INPUT_BRANCH": "", "INPUT_INTO": "",
	}
	if err := os.Mkdir(vars["TMPDIR"], 0o777); err != nil {
		r.t.Fatal(err)
	}
	for name, v := range with {
		vars["INPUT_"+strings.ToUpper(name)] = v
	}
	for name, v := range env {
		vars[name] = v
	}
	if text, ok := env["event"]; ok {
		delete(vars, "event")
		write(r.t, event, []byte(text))
	}
	cmd := exec.Command(binary)
	cmd.Dir = workspace
	for name, v := range vars {
		cmd.Env = append(cmd.Env, name+"="+v)
	}
	before := files(r.t, workspace)
	log, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	o := outcome{code: cmd.ProcessState.ExitCode(), log: string(log), summary: read(r.t, summary),
		outputs: parseOutputs(r.t, read(r.t, outputs)), workspace: workspace}
	r.seen.WriteString(o.log + o.summary + read(r.t, outputs))
	if after := files(r.t, workspace); !slices.Equal(before, after) {
		r.t.Errorf("the job changed the workspace from\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	checkOwner(r.t, workspace)
	for _, place := range []string{vars["TMPDIR"], vars["HOME"]} {
		if left, _ := os.ReadDir(place); len(left) > 0 {
			r.t.Errorf("the job left files in %s: %v", place, left)
		}
	}
	r.t.Logf("exit code %d\n%s\n%s", o.code, o.log, o.summary)
	return o
}

// files lists the files below a folder with their times. It leaves out git's own files, because a
// pull makes a commit.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".git" {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		list = append(list, fmt.Sprintf("%s (%d bytes, %s)", name, info.Size(), info.ModTime()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// parseOutputs reads GITHUB_OUTPUT as the runner does.
func parseOutputs(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines) && text != ""; i++ {
		name, delimiter, ok := strings.Cut(lines[i], "<<")
		if !ok {
			t.Fatalf("GITHUB_OUTPUT has the line %q", lines[i])
		}
		var value []string
		for i++; i < len(lines) && lines[i] != delimiter; i++ {
			value = append(value, lines[i])
		}
		out[name] = strings.Join(value, "\n")
	}
	return out
}

// get requests a page of the live site.
func (r *runner) get(path string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.platform.SiteURL("site")+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return body(r.t, req)
}

// body returns the body of a response.
func body(t *testing.T, req *http.Request) string {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (o outcome) want(t *testing.T, code int, inLog ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, s := range inLog {
		if !strings.Contains(o.log, s) {
			t.Errorf("the log lacks %q", s)
		}
	}
}

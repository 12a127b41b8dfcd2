package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/formattest"
	"github.com/kv-sync/kv-sync/internal/platform"
)

const (
	token     = "crashtest-token-that-nobody-may-see"
	accountID = "0123456789abcdef0123456789abcdef"
	// hangLimit ends a run that hangs. No result depends on it.
	hangLimit = 2 * time.Minute
)

// stage is a machine, a platform, and a proxy between them. All that they store is in one folder,
// which can be saved and restored.
type stage struct {
	*testing.T

	dir      string
	proxy    *proxy
	platform *platform.Server
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, dir: t.TempDir(), proxy: newProxy(t)}
	for _, name := range []string{"state", "home", "work", "tmp"} {
		s.must(os.MkdirAll(s.path(name), 0o755))
	}
	s.proxy.restart = func() { s.close(); s.open() }
	s.open()
	t.Cleanup(s.close)
	return s
}

// path returns the path of something on the stage: state, home, work or tmp, and a name in it.
func (s *stage) path(name ...string) string {
	return filepath.Join(append([]string{s.dir, "now"}, name...)...)
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// open starts the platform on what it has stored.
func (s *stage) open() {
	s.Helper()
	p, err := platform.Open(platform.Options{Dir: s.path("state"), Log: s.Output()})
	s.must(err)
	s.must(p.Start())
	s.platform = p
	s.proxy.mu.Lock()
	s.proxy.to = strings.TrimSuffix(p.URL(), "/client/v4")
	s.proxy.mu.Unlock()
}

func (s *stage) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.platform.Close(ctx); err != nil {
		s.Error(err)
	}
}

// save keeps what is stored, for restore.
func (s *stage) save() {
	s.Helper()
	s.close()
	s.copy("now", "saved")
	s.open()
}

func (s *stage) restore() {
	s.Helper()
	s.close()
	s.copy("saved", "now")
	s.open()
}

func (s *stage) copy(from, to string) {
	s.Helper()
	s.must(os.RemoveAll(filepath.Join(s.dir, to)))
	out, err := exec.Command("cp", "-a", filepath.Join(s.dir, from), filepath.Join(s.dir, to)).CombinedOutput()
	if err != nil {
		s.Fatalf("%v: %s", err, out)
	}
}

// run is a command line.
type run struct {
	program string
	args    []string
	env     []string
}

func (r run) String() string { return filepath.Base(r.program) + " " + strings.Join(r.args, " ") }

// kvSync is a command line of kv-sync.
func kvSync(args ...string) run { return run{program: command, args: args} }

// git is a command line of git.
func git(args ...string) run { return run{program: "git", args: args} }

// outcome is how a run ended.
type outcome struct {
	// code is the exit code, or -1 after a signal that the process did not handle.
	code     int
	text     string
	requests []string
}

func (s *stage) env() []string {
	env := []string{"PATH=" + filepath.Dir(command) + ":" + os.Getenv("PATH"), "HOME=" + s.path("home"),
		"XDG_CACHE_HOME=" + s.path("home", "cache"), "TMPDIR=" + s.path("tmp"), "CI=1",
		"CLOUDFLARE_API_TOKEN=" + token, "CLOUDFLARE_ACCOUNT_ID=" + accountID,
		"CLOUDFLARE_API_BASE_URL=" + s.proxy.URL + "/client/v4",
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1"}
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, "GIT_"+who+"_NAME=Ada", "GIT_"+who+"_EMAIL=ada@example.org")
	}
	return env
}

// do runs a command in the work tree. in is the fault in one of its requests, or nil.
func (s *stage) do(r run, in *injection) outcome {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), hangLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program, r.args...)
	cmd.Dir, cmd.Env = s.path("work"), append(s.env(), r.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 10 * time.Second
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	s.proxy.expect(in)
	s.must(cmd.Start())
	s.proxy.watch(cmd.Process.Pid)
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatalf("%s: %v\n%s", r, err, &text)
	}
	if ctx.Err() != nil {
		s.Errorf("%s does not end", r)
	}
	out := outcome{cmd.ProcessState.ExitCode(), text.String(), s.proxy.finish()}
	s.platform.WaitIdle()
	return out
}

// must runs commands that have to succeed.
func (s *stage) succeed(runs ...run) (last outcome) {
	s.Helper()
	for _, r := range runs {
		if last = s.do(r, nil); last.code != 0 {
			s.Fatalf("%s: exit code %d\n%s", r, last.code, last.text)
		}
	}
	return last
}

// write writes files of the work tree. "" removes one.
func (s *stage) write(files map[string]string) {
	s.Helper()
	for name, content := range files {
		name = s.path("work", name)
		if content == "" {
			s.must(os.Remove(name))
			continue
		}
		s.must(os.MkdirAll(filepath.Dir(name), 0o755))
		s.must(os.WriteFile(name, []byte(content), 0o644))
	}
}

// commit writes files and commits all.
func (s *stage) commit(files map[string]string) {
	s.Helper()
	if _, err := os.Stat(s.path("work", ".git")); err != nil {
		s.succeed(git("init", "-q", "-b", "main"))
	}
	s.write(files)
	s.succeed(git("add", "-A"), git("commit", "-q", "--allow-empty", "-m", "Change the site"))
}

// visit asks the script's address for pages as a visitor, and returns what they are.
func (s *stage) visit(script, host string, pages ...string) string {
	s.Helper()
	base := s.platform.SiteURL(script)
	if base == "" {
		return "offline"
	}
	var out strings.Builder
	for _, page := range pages {
		req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, base+page, http.NoBody)
		s.must(err)
		req.Host = host
		res, err := http.DefaultTransport.RoundTrip(req)
		s.must(err)
		body, err := io.ReadAll(res.Body)
		s.must(err)
		s.must(res.Body.Close())
		fmt.Fprintf(&out, "%s %d %s\n", page, res.StatusCode, body)
	}
	return out.String()
}

// get answers a GET request of the API, past the proxy.
func (s *stage) get(path string) (string, error) { return s.api(http.MethodGet, path, "") }

// api sends a request to the API, past the proxy.
func (s *stage) api(method, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(s.Context(), method, s.platform.URL()+"/accounts/"+accountID+path,
		strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s %s", method, path, res.Status, b)
	}
	return string(b), err
}

// stored returns what is not stored as docs/format.md says.
func (s *stage) stored() []string {
	s.Helper()
	dump, err := formattest.Dump(s.get)
	s.must(err)
	dump.DropUnfinished()
	out, err := dump.Read("../..")
	s.must(err)
	return formattest.Problems(out)
}

// traces returns what a run should not have left on the machine. If killed, files are not traces
// that only a process that ends in order can remove.
func (s *stage) traces(killed bool) (list []string) {
	s.Helper()
	for _, top := range []string{"home", "work", "tmp"} {
		s.must(filepath.WalkDir(s.path(top), func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			base := e.Name()
			temporary := top == "tmp" && name != s.path("tmp") || strings.HasPrefix(base, ".new-") ||
				strings.HasPrefix(base, "tmp_") || strings.HasSuffix(base, ".lock")
			if temporary && !killed {
				list = append(list, name)
			}
			if e.Type().IsRegular() {
				if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(token)) {
					list = append(list, name+" contains the token")
				}
			}
			return nil
		}))
	}
	return list
}

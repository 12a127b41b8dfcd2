package crashtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sys/unix"
)

// local is a local platform in a process of its own, as kv-sync dev runs it.
type local struct {
	*testing.T

	home, work string
	cmd        *exec.Cmd
	ended      chan error
	at         gjson.Result // its address and token
}

func newLocal(t *testing.T) *local {
	l := &local{T: t, home: t.TempDir(), work: t.TempDir()}
	l.start()
	t.Cleanup(l.kill)
	return l
}

// start starts the platform on what it has stored, and waits until it answers.
func (l *local) start() {
	l.Helper()
	for _, old := range l.files() {
		if err := os.Remove(old); err != nil {
			l.Fatal(err)
		}
	}
	l.cmd = exec.CommandContext(l.Context(), command, "dev")
	l.cmd.Dir = l.work
	l.cmd.Env = append(os.Environ(), "HOME="+l.home, "XDG_CACHE_HOME="+filepath.Join(l.home, "cache"), "CI=1")
	var log bytes.Buffer
	l.cmd.Stdout, l.cmd.Stderr = &log, &log
	if err := l.cmd.Start(); err != nil {
		l.Fatal(err)
	}
	l.ended = make(chan error, 1)
	go func() { l.ended <- l.cmd.Wait() }()
	for end := time.Now().Add(hangLimit); ; time.Sleep(5 * time.Millisecond) {
		if found := l.files(); len(found) > 0 {
			b, err := os.ReadFile(found[0])
			if err != nil {
				l.Fatal(err)
			}
			l.at = gjson.ParseBytes(b)
			return
		}
		if time.Now().After(end) {
			l.Fatal("the platform does not start")
		}
	}
}

// files are those that say where a platform is.
func (l *local) files() []string {
	found, _ := filepath.Glob(filepath.Join(l.home, "cache", "kv-sync", "local", "*", "platform.json"))
	return found
}

func (l *local) kill() {
	_ = l.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	ended := <-l.ended
	l.ended <- ended
}

// limit lets no file of the platform grow beyond some bytes.
func (l *local) limit(bytes uint64) {
	l.Helper()
	limits := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(l.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limits, nil); err != nil {
		l.Fatal(err)
	}
}

// send sends a request and returns the answer. ok says that the API acknowledged it.
func (l *local) send(method, path, contentType, body string) (text string, ok bool) {
	req, err := http.NewRequestWithContext(l.Context(), method,
		l.at.Get("api").String()+"/accounts/"+l.at.Get("account").String()+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+l.at.Get("token").String())
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false // it was killed
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err == nil && res.StatusCode == http.StatusOK
}

// upload is a Worker in a form.
func upload(text string) (contentType, body string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, part := range map[string][2]string{
		"metadata": {"application/json", `{"main_module":"index.js","compatibility_date":"2026-01-01"}`},
		"index.js": {"application/javascript+module", fmt.Sprintf("export default { fetch: () => new Response(%q) }", text)},
	} {
		h := textproto.MIMEHeader{"Content-Type": {part[0]}}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, name, name))
		p, _ := w.CreatePart(h)
		_, _ = io.WriteString(p, part[1])
	}
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

// session is a sequence of writes. It remembers what was acknowledged.
type session struct {
	*local

	round     int
	namespace string
	values    map[string]string   // acknowledged
	unsure    map[string][]string // sent after that, and not acknowledged
	live      string              // the version of the last acknowledged deployment
}

func newSession(l *local) *session {
	return &session{local: l, values: make(map[string]string), unsure: make(map[string][]string)}
}

const namespaces = "/storage/kv/namespaces"

// write makes one write of each kind. It reports whether all were acknowledged.
func (s *session) write() bool {
	s.round++
	all := true
	if s.namespace == "" {
		text, ok := s.send(http.MethodPost, namespaces, "application/json", `{"title":"n"}`)
		if !ok {
			return false
		}
		s.namespace = namespaces + "/" + gjson.Get(text, "result.id").String()
	}
	for _, key := range []string{"a", "b", fmt.Sprint("c", s.round)} {
		all = s.put(key, strings.Repeat(fmt.Sprint(s.round, " "), 100)) && all
	}
	contentType, body := upload(fmt.Sprint("round ", s.round))
	if s.live == "" {
		if _, ok := s.send(http.MethodPut, "/workers/scripts/w", contentType, body); !ok {
			return false
		}
		s.live = s.active()
		return all
	}
	text, ok := s.send(http.MethodPost, "/workers/scripts/w/versions", contentType, body)
	if !ok {
		return false
	}
	id := gjson.Get(text, "result.id").String()
	deployment := fmt.Sprintf(`{"strategy":"percentage","versions":[{"version_id":%q,"percentage":100}]}`, id)
	if _, ok := s.send(http.MethodPost, "/workers/scripts/w/deployments", "application/json", deployment); !ok {
		return false
	}
	s.live = id
	return all
}

func (s *session) put(key, value string) bool {
	if _, ok := s.send(http.MethodPut, s.namespace+"/values/"+key, "text/plain", value); !ok {
		s.unsure[key] = append(s.unsure[key], value)
		return false
	}
	s.values[key], s.unsure[key] = value, nil
	return true
}

func (s *session) active() string {
	text, _ := s.send(http.MethodGet, "/workers/scripts/w/deployments", "", "")
	return gjson.Get(text, "result.deployments.0.versions.0.version_id").String()
}

// state is what the API shows.
func (s *session) state() string {
	var out bytes.Buffer
	show := func(path string) string {
		text, _ := s.send(http.MethodGet, path, "", "")
		_ = json.Compact(&out, []byte(gjson.Get(text, "result").Raw)) // what is not JSON is not there
		fmt.Fprintf(&out, " %s\n", path)
		return text
	}
	for _, ns := range gjson.Get(show(namespaces), "result.#.id").Array() {
		at := namespaces + "/" + ns.String()
		for _, key := range gjson.Get(show(at+"/keys"), "result.#.name").Array() {
			value, _ := s.send(http.MethodGet, at+"/values/"+url.PathEscape(key.String()), "", "")
			fmt.Fprintf(&out, "%s is %s\n", key, value)
		}
	}
	for _, script := range gjson.Get(show("/workers/scripts"), "result.#.id").Array() {
		show("/workers/scripts/" + script.String() + "/deployments")
		show("/workers/scripts/" + script.String() + "/versions")
	}
	return out.String()
}

// check checks that what was acknowledged is there.
func (s *session) check(when string) {
	s.Helper()
	for key, want := range s.values {
		got, _ := s.send(http.MethodGet, s.namespace+"/values/"+key, "", "")
		possible := false
		for _, value := range append(s.unsure[key], want) {
			possible = possible || got == value
		}
		if !possible {
			s.Errorf("%s the value of %s is %.40q, want %.40q", when, key, got, want)
		}
	}
	if live := s.active(); s.live != "" && live != s.live {
		s.Errorf("%s version %s is live, want %s", when, live, s.live)
	}
}

// Promise 3: the local platform has what it acknowledged, also if its disk is full in between, and if it
// is killed after that. It never shows a change that the next start does not find.
func TestPlatformOnAFullDisk(t *testing.T) {
	for i, limit := range []uint64{0, 300, 700, 1000, 1500, 2500, 4000, 6000} {
		for _, rounds := range []int{0, 2} {
			if *every > 1 && i != rounds {
				continue
			}
			t.Run(fmt.Sprintf("%d bytes after %d rounds", limit, rounds), func(t *testing.T) {
				s := newSession(newLocal(t))
				for range rounds {
					if !s.write() {
						t.Fatal("a write was not acknowledged")
					}
				}
				s.limit(limit)
				failed := !s.write()
				failed = !s.write() || failed
				before := s.state()
				s.check("on a full disk")
				s.kill()
				s.start()
				if after := s.state(); after != before {
					t.Errorf("it showed\n%s\nand after a new start\n%s", before, after)
				}
				s.check("after a new start")
				if !s.write() {
					t.Error("a write was not acknowledged after there was space")
				}
				s.check("in the end")
				t.Logf("writes failed: %t", failed)
			})
		}
	}
}

// Promise 3: a platform that is killed in the middle of writes has what it acknowledged.
func TestPlatformIsKilled(t *testing.T) {
	s := newSession(newLocal(t))
	if !s.write() {
		t.Fatal("a write was not acknowledged")
	}
	rounds := 3
	if *every == 1 {
		rounds = 40
	}
	for i := range rounds {
		written := make(chan struct{})
		go func() {
			defer close(written)
			for j := 0; s.put(fmt.Sprint("k", j%7), strings.Repeat(fmt.Sprint(i, j, " "), 2000+j)); j++ {
			}
		}()
		time.Sleep(time.Duration(i*7%50) * time.Millisecond) // any moment is right
		s.kill()
		<-written
		s.start()
		s.check(fmt.Sprint("after kill ", i))
	}
}

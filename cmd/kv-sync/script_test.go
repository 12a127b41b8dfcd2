package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/pull/pulltest"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kv-sync": func() { os.Exit(Main()) }})
}

// TestScripts runs the scripts in testdata/script with real git. Each script has a local platform
// of its own. It checks the output of commands, and the content and requests of the platform.
func TestScripts(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("the scripts need git on PATH")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"platform": startPlatform, "commit": commit, "requests": requests, "reset": reset, "fault": fault,
			"await": await, "foreign": foreign, "fetch": fetch, "json": checkJSON, "workerd": useWorkerd, "wasm": wasm,
			"code": exitCode, "lose": lose, "hostile": hostile, "ready": ready, "secret": secret, "edit": edit,
			"awaitkey": awaitKey,
			"written":  written, "wrangler": runWrangler, "publish": publish, "many": many, "age": age, "awaitfile": awaitFile,
			"shows":       shows,
			"showsheader": showsHeader, "kvkeys": kvKeys, "sitekeys": siteKeys, "spoil": spoil, "kvput": kvPut,
			"reads": reads, "visit": visit, "follow": follow, "pipeline": pipeline,
		},
	})
}

func setup(e *testscript.Env) error {
	cache := filepath.Join(e.WorkDir, "cache")
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("XDG_CACHE_HOME", cache)
	e.Setenv("CI", "")
	e.Setenv("GITHUB_TOKEN", "")
	e.Setenv("GITHUB_REPOSITORY", "")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		e.Setenv("GIT_"+who+"_NAME", "Ada")
		e.Setenv("GIT_"+who+"_EMAIL", "ada@example.org")
	}
	e.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	return nil
}

// rig is the platform of one script.
type rig struct {
	server *platform.Server
	mu     sync.Mutex
	begun  map[string]int // requests that have arrived, by kind
}

var rigs sync.Map // *testscript.TestScript -> *rig

func rigOf(ts *testscript.TestScript) *rig {
	r, ok := rigs.Load(ts)
	if !ok {
		ts.Fatalf("start a platform first")
	}
	return r.(*rig)
}

const (
	testToken   = "script-token-with-every-permission"
	readToken   = "script-token-that-only-reads"
	noToken     = "script-token-of-another-account"
	testAccount = "0123456789abcdef0123456789abcdef"
)

// startPlatform starts a platform and sets the script's environment to use it. With "!" the account
// has no subdomain of workers.dev, like a new account.
func startPlatform(ts *testscript.TestScript, neg bool, _ []string) {
	subdomain := ""
	if neg {
		subdomain = "-"
	}
	server, err := platform.Open(platform.Options{
		Dir: ts.MkAbs("platform"), Subdomain: subdomain,
		Tokens: map[string][]platform.Permission{
			testToken: {platform.KVRead, platform.KVWrite, platform.WorkersRead, platform.WorkersWrite},
			readToken: {platform.KVRead, platform.WorkersRead},
			noToken:   {},
		},
		Keys: map[string]string{"ada@example.org": "global-key-of-ada"},
	})
	ts.Check(err)
	ts.Check(server.Start())
	r := &rig{server: server, begun: map[string]int{}}
	r.watch(func(platform.RequestInfo) platform.Fault { return platform.Fault{} })
	rigs.Store(ts, r)
	ts.Defer(func() {
		rigs.Delete(ts)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Close(ctx)
	})
	ts.Setenv("CLOUDFLARE_API_BASE_URL", server.URL())
	ts.Setenv("CLOUDFLARE_API_TOKEN", testToken)
	ts.Setenv("CLOUDFLARE_ACCOUNT_ID", testAccount)
	ts.Setenv("READ_TOKEN", readToken)
	ts.Setenv("OTHER_TOKEN", noToken)
}

// watch counts the requests as they arrive, and injects the faults that decide returns.
func (r *rig) watch(decide func(platform.RequestInfo) platform.Fault) {
	r.server.SetFault(func(i platform.RequestInfo) platform.Fault {
		r.mu.Lock()
		r.begun[i.Kind]++
		r.mu.Unlock()
		return decide(i)
	})
}

// fault KIND MATCH [STATUS] makes matching requests fail. "fault none" removes the fault.
func fault(ts *testscript.TestScript, neg bool, args []string) {
	r := rigOf(ts)
	if args[0] == "none" {
		r.watch(func(platform.RequestInfo) platform.Fault { return platform.Fault{} })
		return
	}
	f := platform.Fault{Kind: platform.FaultKind(args[0])}
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		f.Status = n
	}
	r.watch(func(i platform.RequestInfo) platform.Fault {
		if ok, _ := path.Match(args[1], i.Kind); ok {
			return f
		}
		return platform.Fault{}
	})
}

// await KIND waits until a request of this kind has arrived since the last reset.
func await(ts *testscript.TestScript, neg bool, args []string) {
	r := rigOf(ts)
	if !eventually(func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.begun[args[0]] > 0
	}) {
		ts.Fatalf("no request %s arrived", args[0])
	}
}

// reset forgets the requests so far.
func reset(ts *testscript.TestScript, neg bool, _ []string) {
	r := rigOf(ts)
	r.server.ResetRequests()
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.begun)
}

// requests N [MATCH] checks the number of requests since the last reset.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var kinds []string
	for _, q := range rigOf(ts).server.Requests() {
		if len(args) < 2 {
			kinds = append(kinds, q.Kind)
		} else if ok, _ := path.Match(args[1], q.Kind); ok {
			kinds = append(kinds, q.Kind)
		}
	}
	if len(kinds) != want {
		ts.Fatalf("%d requests, want %d: %s", len(kinds), want, strings.Join(kinds, ", "))
	}
}

// commit MESSAGE commits all files of the current directory. The time of each commit is an hour
// after that of the previous one.
func commit(ts *testscript.TestScript, neg bool, args []string) {
	n, _ := strconv.Atoi(ts.Getenv("COMMITS"))
	ts.Setenv("COMMITS", strconv.Itoa(n+1))
	at := time.Date(2026, 1, 1, n, 0, 0, 0, time.UTC).Format(time.RFC3339)
	ts.Setenv("GIT_AUTHOR_DATE", at)
	ts.Setenv("GIT_COMMITTER_DATE", at)
	if n == 0 {
		ts.Check(ts.Exec("git", "init", "-q", "-b", "main"))
	}
	ts.Check(ts.Exec("git", "add", "-A"))
	ts.Check(ts.Exec("git", "commit", "-q", "--allow-empty", "-m", args[0]))
}

// foreign NAME deploys a Worker as another tool does.
func foreign(ts *testscript.TestScript, neg bool, args []string) {
	putScript(ts, args[0],
		modulePart{"metadata", "application/json", `{"main_module":"index.js","compatibility_date":"2026-01-01"}`},
		modulePart{"index.js", "application/javascript+module", `export default { fetch: () => new Response("foreign") }`})
}

// modulePart is a part of an upload, the metadata or a module.
type modulePart struct{ name, contentType, text string }

// putScript uploads a script, which makes it live immediately.
func putScript(ts *testscript.TestScript, name string, parts ...modulePart) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, part := range parts {
		h := textproto.MIMEHeader{"Content-Type": {part.contentType}}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, part.name, part.name))
		p, err := w.CreatePart(h)
		ts.Check(err)
		_, err = io.WriteString(p, part.text)
		ts.Check(err)
	}
	ts.Check(w.Close())
	to := ts.Getenv("CLOUDFLARE_API_BASE_URL") + "/accounts/" + testAccount + "/workers/scripts/" + name
	req, err := http.NewRequest(http.MethodPut, to, &body)
	ts.Check(err)
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		ts.Fatalf("PUT the script %s: %s %s", name, res.Status, b)
	}
}

// fetch URL WANT checks that a page contains the text. "! fetch" checks that it does not.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	a, err := get(args[0])
	ts.Check(err)
	if strings.Contains(a.body, args[1]) == neg {
		ts.Fatalf("GET %s: %s, %q; %q in it is %v", args[0], a.status, a.body, args[1], neg)
	}
}

// json PATH VALUE checks that stdout is exactly one JSON object with the value at the path.
// "json PATH -> NAME" sets an environment variable.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	out := ts.ReadFile("stdout")
	d := json.NewDecoder(strings.NewReader(out))
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		ts.Fatalf("stdout is not a JSON object: %v\n%s", err, out)
	}
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("there is more than one object on stdout:\n%s", out)
	}
	got := gjson.Get(out, args[0])
	if !got.Exists() {
		ts.Fatalf("%s is not in the report:\n%s", args[0], out)
	}
	switch {
	case len(args) == 3 && args[1] == "->":
		ts.Setenv(args[2], got.String())
	case len(args) == 2 && (got.String() == args[1]) == neg:
		ts.Fatalf("%s is %s, want %s", args[0], got, args[1])
	}
}

// useWorkerd sets the path of workerd for a platform in the command's own process.
func useWorkerd(ts *testscript.TestScript, neg bool, _ []string) {
	p, err := workerd.Find(context.Background(), nil)
	ts.Check(err)
	ts.Setenv(workerd.EnvPath, p)
}

// code N COMMAND ARGS runs a command as exec does, and checks its exit code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if got := 0; err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	} else if exit != nil {
		got = exit.ExitCode()
		if got != want {
			ts.Fatalf("exit code %d, want %d", got, want)
		}
	} else if got != want {
		ts.Fatalf("exit code 0, want %d", want)
	}
}

// lose PREFIX deletes the first key with the prefix, to simulate a lost blob.
func lose(ts *testscript.TestScript, neg bool, args []string) {
	namespace := namespaceTitled(ts, "kv-sync")
	key := gjson.Get(api(ts, http.MethodGet, namespace+"/keys?prefix="+args[0]), "result.0.name").String()
	if key == "" {
		ts.Fatalf("there is no key %s…", args[0])
	}
	api(ts, http.MethodDelete, namespace+"/values/"+url.PathEscape(key))
}

// written SITE FILE writes the edits in the file to the site's overlay.
func written(ts *testscript.TestScript, neg bool, args []string) {
	var edits []pulltest.Edit
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &edits))
	account := pulltest.Account{BaseURL: ts.Getenv("CLOUDFLARE_API_BASE_URL"), ID: testAccount, Token: testToken}
	ts.Check(account.Write(context.Background(), args[0], edits))
}

// api sends one request and returns its answer.
func api(ts *testscript.TestScript, method, to string) string {
	return call(ts, method, to, testToken, "")
}

// call sends one request with a token and returns the answer.
func call(ts *testscript.TestScript, method, to, token, body string) string {
	req, err := http.NewRequest(method, to, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	ts.Check(err)
	if res.StatusCode != http.StatusOK {
		ts.Fatalf("%s %s: %s %s", method, to, res.Status, b)
	}
	return string(b)
}

// hostile DIR creates a file whose name has control characters for terminals.
func hostile(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0])+"/\x1b[2Jevil\u202etxt", []byte("x"), 0o600))
}

// ready waits until kv-sync dev accepts requests.
func ready(ts *testscript.TestScript, neg bool, _ []string) { devFile(ts) }

// devFile is the file in which kv-sync dev stores its address and token.
func devFile(ts *testscript.TestScript) string {
	var found []string
	if !eventually(func() bool {
		var err error
		found, err = filepath.Glob(filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "kv-sync", "local", "*", "platform.json"))
		ts.Check(err)
		return len(found) > 0
	}) {
		ts.Fatalf("kv-sync dev did not start")
	}
	return found[0]
}

// wasm FILE writes a WebAssembly module whose export "answer" returns 42.
func wasm(ts *testscript.TestScript, neg bool, args []string) {
	module := "\x00asm\x01\x00\x00\x00" + // magic, version
		"\x01\x05\x01\x60\x00\x01\x7f" + // types: () -> i32
		"\x03\x02\x01\x00" + // functions: the first has the first type
		"\x07\x0a\x01\x06answer\x00\x00" + // exports: the first function
		"\x0a\x06\x01\x04\x00\x41\x2a\x0b" // code: i32.const 42
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(module), 0o600))
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// The program starts its own binary in other roles. In a test, this is the test binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			if err := role(context.Background(), os.Args[2:]); err != nil {
				println("bench:", err.Error())
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

const testFiles = 300

func testSite(t *testing.T) *site {
	t.Helper()
	s, err := siteIn(t.Context(), t.TempDir(), testFiles)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRequests limits the number of requests, because the number does not depend on the machine as
// a time does.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := testSite(t)
	for _, c := range []struct {
		source     string
		emptyCache bool   // the cache is empty before each deploy
		most       [4]int // the largest number of requests of each scenario
	}{
		// A first deploy looks for the namespace and creates it, reads the site's address, uploads
		// the files, and activates the version. The files of this site need few bulk writes.
		{folderName, false, [4]int{14, noneRequests, oneRequests, oneRequests}},
		{folderName, true, [4]int{14, noneRequests, oneRequests, oneRequests}},
		{commitName, false, [4]int{14, noneRequests, oneRequests, oneRequests}},
		{commitName, true, [4]int{14, noneRequests, oneRequests, oneRequests}},
	} {
		f := platformtest.Start(t)
		cache := t.TempDir()
		for step, sc := range scenarios {
			if err := s.show(sc.revision); err != nil {
				t.Fatal(err)
			}
			if c.emptyCache {
				cache = t.TempDir()
			}
			f.Server.ResetRequests()
			in := app.Inputs{Root: s.dir, Source: c.source, CacheDir: cache}
			if c.source == commitName {
				in.Commit = s.Commits[sc.revision]
			}
			res := deployOnce(t, f, in)
			sent := f.Server.Requests()
			if len(sent) > c.most[step] {
				t.Errorf("%s, empty cache %t, %s: %d requests, want at most %d:\n%s", c.source, c.emptyCache, sc.name, len(sent),
					c.most[step], kindsOf(sent))
			}
			for _, r := range sent {
				if r.Kind == "kv.keys.list" {
					t.Errorf("%s, %s: the deploy listed keys", c.source, sc.name)
				}
			}
			if want := []int{testFiles, 0, len(s.Changed[1]), len(s.Changed[2])}[step]; res.Uploaded != want {
				t.Errorf("%s, %s: %d blobs uploaded, want %d", c.source, sc.name, res.Uploaded, want)
			}
		}
	}
}

func deployOnce(t *testing.T, f *platformtest.Fixture, in app.Inputs) *kvsync.Result {
	t.Helper()
	in.Name, in.Directory = "bench", "public"
	in.Token, in.AccountID, in.BaseURL = f.Token, f.AccountID, f.BaseURL
	in.Getenv = func(string) string { return "" }
	site, err := app.Open(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	res, err := site.Deploy(t.Context(), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func kindsOf(sent []platform.Request) string {
	var kinds []string
	for _, r := range sent {
		kinds = append(kinds, r.Kind)
	}
	return strings.Join(kinds, "\n")
}

// The generated site is the same on every machine.
func TestSite(t *testing.T) {
	t.Parallel()
	s := testSite(t)
	const want = "195ad7b9f702415cd863fc590fcc47f9be849b3b"
	if s.Commits[2] != want {
		t.Errorf("the site's last commit is %s, want %s; after an intended change, increase siteForm", s.Commits[2], want)
	}
	// show can change the files to an earlier or a later revision.
	for _, r := range []int{2, 1, 0, 2, 0} {
		if err := s.show(r); err != nil {
			t.Fatal(err)
		}
		if diff, err := s.git(t.Context(), "diff", "--stat", s.Commits[r], "--", "public"); err != nil || diff != "" {
			t.Fatalf("the files of revision %d differ from the commit: %v\n%s", r, err, diff)
		}
	}
}

// The floor sends all files. Otherwise the lower bound would be too low.
func TestFloorSendsAllFiles(t *testing.T) {
	t.Parallel()
	s := testSite(t)
	f := platformtest.Start(t)
	api := apiClient{f.BaseURL, f.AccountID, f.Token}
	if err := floor(t.Context(), s.public(), api); err != nil {
		t.Fatal(err)
	}
	namespaces, err := api.send(t.Context(), "GET", "/storage/kv/namespaces", nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []struct{ ID string }
	if err := json.Unmarshal(namespaces, &ids); err != nil || len(ids) != 1 {
		t.Fatalf("namespaces: %s, %v", namespaces, err)
	}
	files, err := floorBatches(s.public())
	if err != nil {
		t.Fatal(err)
	}
	raw := 0
	for _, batch := range files {
		for _, file := range batch {
			content, err := os.ReadFile(file.path)
			if err != nil {
				t.Fatal(err)
			}
			if len(content) >= floorRaw {
				raw++
			}
			if got := storedValue(t, f, ids[0].ID, keyOf(content)); got != string(content) {
				t.Fatalf("the stored value of %s differs from the file", file.path)
			}
		}
	}
	if raw == 0 {
		t.Error("the site has no large file")
	}
}

func storedValue(t *testing.T, f *platformtest.Fixture, namespace, key string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET",
		f.BaseURL+"/accounts/"+f.AccountID+"/storage/kv/namespaces/"+namespace+"/values/"+key, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	value, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("read %s: %s, %v", key, res.Status, err)
	}
	return string(value)
}

// The watch notices a broken page that stays and one that is broken for a short time.
func TestWatchNoticesBrokenPages(t *testing.T) {
	t.Parallel()
	s := testSite(t)
	content, err := os.ReadFile(filepath.Join(s.public(), filepath.FromSlash(s.Changed[1][0].Path)))
	if err != nil {
		t.Fatal(err)
	}
	var respond atomic.Value // func(http.ResponseWriter)
	setResponse := func(status int, body string) {
		respond.Store(func(w http.ResponseWriter) { w.WriteHeader(status); _, _ = w.Write([]byte(body)) })
	}
	// watchServer watches a server while changeResponses runs. changeResponses calls await to
	// wait until the watch has got a response that was set before the call.
	watchServer := func(changeResponses func(await func())) outage {
		setResponse(200, string(content))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			respond.Load().(func(http.ResponseWriter))(w)
		}))
		defer server.Close()
		w, err := newWatch(server.URL, s)
		if err != nil {
			t.Fatal(err)
		}
		w.pages = w.pages[:1]
		if err := w.ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		responses := func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.responses
		}
		stop := w.start(t.Context())
		changeResponses(func() {
			for first := responses(); responses() < first+2; { // the next one may be to an earlier request
				if err := wait.For(t.Context(), time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
		})
		return stop()
	}
	got := watchServer(func(await func()) {
		setResponse(200, string(content)+"\n")
		await()
	})
	if got != (outage{}) {
		t.Errorf("old content, then new content: %+v", got)
	}
	for name, bad := range map[string]func(){
		"missing":    func() { setResponse(404, "not found") },
		"empty":      func() { setResponse(200, "") },
		"other page": func() { setResponse(200, "<!doctype html><div id=app></div>") },
		"partial":    func() { setResponse(200, string(content[:len(content)/2])) },
	} {
		got := watchServer(func(await func()) {
			bad()
			await()
		})
		if !got.stays || got.broken <= 0 {
			t.Errorf("%s until the end: %+v", name, got)
		}
		temporary := watchServer(func(await func()) {
			bad()
			await()
			setResponse(200, string(content))
			await()
		})
		if temporary.stays || temporary.broken <= 0 {
			t.Errorf("%s for a short time: %+v", name, temporary)
		}
	}
}

// missed returns an error that names a missed goal. In each case, one measurement misses its goal.
func TestMissedGoals(t *testing.T) {
	t.Parallel()
	r := &results{bench: &bench{}, samples: map[string]*[4][]sample{}}
	put := func(name string, wall ...time.Duration) {
		r.samples[name] = &[4][]sample{}
		for i, d := range wall {
			r.samples[name][i] = []sample{{wall: d, requests: 2, peak: 100 << 20}}
		}
	}
	put(sitesName, 7*time.Second, 20*time.Second, 12*time.Second, 12*time.Second)
	put(floorName, 800*time.Millisecond)
	put(folderName, time.Second, time.Second, time.Second, time.Second)
	put(gitName, time.Second)
	put(commitName, 2*time.Second, time.Second, time.Second, time.Second)
	r.outages = map[string][]outage{folderName: {{}, {}, {}}}
	if err := r.judge().missed(); err != nil {
		t.Fatalf("all goals are reached, but missed returned %v", err)
	}
	for goal, change := range map[string]func(){
		"first deploy, against Workers Sites":     func() { put(sitesName, 6*time.Second) },
		"no change, against Workers Sites":        func() { put(sitesName, 7*time.Second, 19*time.Second) },
		"against the floor":                       func() { put(sitesName); put(floorName, 700*time.Millisecond) },
		"first deploy, more than from a folder":   func() { put(gitName, 900*time.Millisecond) },
		"folder: requests, no change":             func() { r.samples[folderName][none][0].requests = 3 },
		"folder: requests, one file changed":      func() { r.samples[folderName][one][0].requests = 8 },
		"folder: peak memory":                     func() { r.samples[folderName][first][0].peak = 129 << 20 },
		"folder: broken pages, refused version":   func() { r.outages[folderName][1].stays = true },
		"commit: one file changed, against Worke": func() { put(sitesName, 7*time.Second, 20*time.Second, 11*time.Second) },
	} {
		put(sitesName, 7*time.Second, 20*time.Second, 12*time.Second, 12*time.Second)
		put(floorName, 800*time.Millisecond)
		put(gitName, time.Second)
		put(folderName, time.Second, time.Second, time.Second, time.Second)
		r.outages[folderName] = []outage{{}, {}, {}}
		change()
		if err := r.judge().missed(); err == nil || !strings.Contains(err.Error(), goal) {
			t.Errorf("missed goal %q: %v", goal, err)
		}
	}
}

func TestWriteInto(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("before\n"+docBegin+"old\n"+docEnd+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second call changes nothing
		if err := writeInto(path, "| new |\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if want := "before\n" + docBegin + "\n| new |\n\n" + docEnd + "after\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestMarkersInDocument(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "docs", "benchmarks.md"))
	if err != nil || strings.Count(string(raw), docBegin) != 1 || strings.Count(string(raw), docEnd) != 1 {
		t.Errorf("docs/benchmarks.md must have %q and %q once each: %v", docBegin, docEnd, err)
	}
}

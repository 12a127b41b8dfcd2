package crashtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/pull/pulltest"
)

// scenario is a run into which faults are injected.
type scenario struct {
	name    string
	prepare func(*stage)
	run     func(*stage) run
	// visible returns what people can see of what the run changes. Each part is old or new, whole.
	visible func(*stage) []string
	// done returns what is wrong after the run has been finished, or nil.
	done func(*stage) string
	// several: the parts change one after the other, also in a run that fails.
	several bool
	// bare: the exit codes are those of the Rust kv-sync. pushed: those of git push.
	bare, pushed bool
}

// pages are what visitors of a site ask for.
var pages = []string{"/", "/a.txt", "/same.txt", "/old.txt", "/none"}

// version are the files of a version of a site.
func version(n string) map[string]string {
	return map[string]string{"public/index.html": "page " + n, "public/a.txt": "text " + n, "public/same.txt": "same"}
}

func with(files map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

// site runs commands about the site tides.
func site(args ...string) func(*stage) run {
	return func(*stage) run { return kvSync(append(args, "--name", "tides")...) }
}

func visitSite(s *stage) []string { return []string{s.visit("tides", "tides.example.com", pages...)} }

// deployed has the versions of a site deployed, and the last one committed.
func deployed(versions ...map[string]string) func(*stage) {
	return func(s *stage) {
		for i, v := range versions {
			s.commit(v)
			if i < len(versions)-1 {
				s.succeed(site("deploy")(s))
			}
		}
	}
}

// then adds a step to a preparation.
func then(first func(*stage), next ...func(*stage)) func(*stage) {
	return func(s *stage) {
		first(s)
		for _, step := range next {
			step(s)
		}
	}
}

func must(r func(*stage) run) func(*stage) { return func(s *stage) { s.succeed(r(s)) } }

// hasAddress checks that the Worker is reachable under workers.dev.
func hasAddress(s *stage) string {
	text, err := s.get("/workers/scripts/tides/subdomain")
	if err != nil || !gjson.Get(text, "result.enabled").Bool() {
		return fmt.Sprintf("it has no address: %s %v", text, err)
	}
	return ""
}

// siteScenarios are those of a site.
func siteScenarios() []scenario {
	old, next := version("old"), version("new")
	return []scenario{
		{name: "first deploy", prepare: deployed(old), run: site("deploy"), visible: visitSite, done: hasAddress},
		{name: "deploy", prepare: deployed(old, next), run: site("deploy"), visible: visitSite},
		{name: "no change", prepare: then(deployed(old), must(site("deploy"))), run: site("deploy"), visible: visitSite},
		{name: "newer commit without a change", prepare: deployed(old, map[string]string{"README.md": "read"}),
			run: site("deploy"), visible: visitSite},
		{name: "file deleted", prepare: deployed(with(version("old"), "public/old.txt", "old"),
			map[string]string{"public/old.txt": ""}), run: site("deploy", "--forget"), visible: visitSite},
		{name: "rollback", prepare: then(deployed(old, next), must(site("deploy"))), run: site("rollback"),
			visible: visitSite},
		{name: "prune", prepare: then(deployed(old, next), must(site("deploy")), orphans), run: site("prune"),
			visible: visitSite, done: noOrphans},
		{name: "deploy --repair", prepare: then(deployed(old), must(site("deploy")), loseBlob("tides")),
			run: site("deploy", "--repair"), visible: visitAll("/", "/a.txt", "/same.txt"), several: true},
		{name: "upload", prepare: deployed(old, many(version("new"))), run: site("upload"), visible: visitSite,
			done: uploaded},
		{name: "hook upload", prepare: then(deployed(old, many(version("new"))), hooked), run: func(*stage) run {
			return git("push", "-q", "origin", "main")
		}, visible: visitSite, done: deployable, pushed: true},
		{name: "first deploy with an overlay", prepare: deployed(with(version("old"), "kv-sync.toml",
			"[overlay]\nwrite = true\n")), run: site("deploy"), visible: visitSite, done: hasAddress},
		{name: "pull", prepare: then(deployed(old), must(site("deploy")), edited), run: site("pull"), visible: workTree,
			several: true},
		{name: "pull --branch", prepare: then(deployed(old), must(site("deploy")), edited),
			run: site("pull", "--branch", "edits"), visible: branchOfEdits},
		{name: "delete", prepare: then(deployed(old), must(site("deploy"))), run: site("delete", "--yes"), visible: visitSite,
			done: nothingLeft("tides/"), several: true},
	}
}

// many adds files, so that an upload ahead is worth a receipt.
func many(files map[string]string) map[string]string {
	for i := range 20 {
		files[fmt.Sprintf("public/many/%d.txt", i)] = fmt.Sprint("file ", i)
	}
	return files
}

// orphans are blobs that an earlier run left a month ago.
func orphans(s *stage) {
	for i := range 3 {
		value := fmt.Sprint("orphan ", i)
		sum := sha256.Sum256([]byte(value))
		nonce := binary.BigEndian.AppendUint32(nil, uint32(time.Now().Add(-30*24*time.Hour).Unix()))
		nonce = binary.BigEndian.AppendUint32(nonce, uint32(i))
		s.put("tides/b/"+hex.EncodeToString(sum[:])+"."+hex.EncodeToString(nonce), value)
	}
}

func noOrphans(s *stage) string {
	for _, key := range s.keys("tides/b/") {
		if strings.HasPrefix(s.value(key), "orphan") {
			return key + " is still there"
		}
	}
	return ""
}

// loseBlob deletes a blob of a site: the one of /a.txt.
func loseBlob(site string) func(*stage) {
	return func(s *stage) {
		sum := sha256.Sum256([]byte("text old"))
		for _, key := range s.keys(site + "/b/" + hex.EncodeToString(sum[:])) {
			_, err := s.api(http.MethodDelete, s.namespace()+"/values/"+url.PathEscape(key), "")
			s.must(err)
		}
	}
}

// visitAll has a part for each page.
func visitAll(pages ...string) func(*stage) []string {
	return func(s *stage) (parts []string) {
		for _, page := range pages {
			parts = append(parts, s.visit("tides", "tides.example.com", page))
		}
		return parts
	}
}

// uploaded checks that a deploy after an upload ahead sends no file.
func uploaded(s *stage) string {
	out := s.do(kvSync("deploy", "--name", "tides", "--json"), nil)
	if sent := gjson.Get(out.text, "uploaded").String(); out.code != 0 || sent != "0" {
		return fmt.Sprintf("the deploy after it sends %s files, exit code %d\n%s", sent, out.code, out.text)
	}
	return ""
}

// deployable checks that a deploy goes on from whatever the hook has uploaded.
func deployable(s *stage) string {
	if out := s.do(site("deploy")(s), nil); out.code != 0 {
		return fmt.Sprintf("the deploy after it has exit code %d\n%s", out.code, out.text)
	}
	return ""
}

// hooked installs the hook that uploads ahead.
func hooked(s *stage) {
	s.succeed(git("init", "-q", "--bare", s.path("home", "remote.git")),
		git("remote", "add", "origin", s.path("home", "remote.git")),
		kvSync("hook", "install", "--pre-push", "upload", "--name", "tides"))
}

// edited writes at run time.
func edited(s *stage) {
	old, edit, fresh := "page old", "edited", "news"
	at := time.Date(2026, 11, 21, 10, 4, 0, 0, time.UTC)
	account := pulltest.Account{BaseURL: s.platform.URL(), ID: accountID, Token: token}
	s.must(account.Write(s.Context(), "tides", []pulltest.Edit{
		{Path: "/index.html", Content: &edit, Was: []*string{&old}, Time: at, Author: "Ada"},
		{Path: "/news.html", Content: &fresh, Was: []*string{nil}, Time: at, Author: "Ada"},
		{Path: "/same.txt", Was: []*string{ptr("same")}, Time: at, Author: "Ada"},
	}))
}

func ptr(s string) *string { return &s }

// workTree returns the published files on disk.
func workTree(s *stage) []string {
	var parts []string
	for _, name := range []string{".kv-sync-pulled", "a.txt", "index.html", "news.html", "same.txt"} {
		b, err := os.ReadFile(s.path("work", "public", name))
		parts = append(parts, fmt.Sprintf("%s %t %s", name, err == nil, b))
	}
	return parts
}

// branchOfEdits returns what is on the branch that a pull makes.
func branchOfEdits(s *stage) []string {
	return append(workTree(s), s.do(git("log", "-p", "--format=%s", "edits", "--"), nil).text)
}

func nothingLeft(prefix string) func(*stage) string {
	return func(s *stage) string {
		if left := s.keys(prefix); len(left) > 0 {
			return fmt.Sprint("left are ", left)
		}
		return ""
	}
}

// namespace returns the API's path of the first namespace.
func (s *stage) namespace() string {
	s.Helper()
	const namespaces = "/storage/kv/namespaces"
	text, err := s.get(namespaces)
	s.must(err)
	return namespaces + "/" + gjson.Get(text, "result.0.id").String()
}

func (s *stage) keys(prefix string) (names []string) {
	s.Helper()
	text, err := s.get(s.namespace() + "/keys?prefix=" + url.QueryEscape(prefix))
	s.must(err)
	for _, name := range gjson.Get(text, "result.#.name").Array() {
		names = append(names, name.String())
	}
	return names
}

func (s *stage) value(key string) string {
	s.Helper()
	text, err := s.get(s.namespace() + "/values/" + url.PathEscape(key))
	s.must(err)
	return text
}

func (s *stage) put(key, value string) {
	s.Helper()
	_, err := s.api(http.MethodPut, s.namespace()+"/values/"+url.PathEscape(key), value)
	s.must(err)
}

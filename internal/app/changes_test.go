package app_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// grown makes a repository of three commits.
func grown(t *testing.T) repo {
	t.Helper()
	r := newRepo(t)
	for i := range 3 {
		r.write("kv-sync.toml", "directory = \"public\"\n")
		r.write("public/index.html", fmt.Sprint("home ", i))
		r.write("public/about.html", "about")
		r.write("public/deep/a.html", "a")
		r.write("public/deep/er/b.html", "b")
		r.write("public/deep/er/c.css", "c")
		for j := range 6 {
			r.write(fmt.Sprintf("public/img/%d.txt", j), fmt.Sprint("image ", j))
		}
		r.link("about.html", "public/link.html")
		r.commit(fmt.Sprint("commit ", i))
	}
	return r
}

func (r repo) link(target, name string) {
	r.Helper()
	r.remove(name)
	if err := os.Symlink(target, r.path(name)); err != nil {
		r.Fatal(err)
	}
}

// changes are changes between two deploys and their effect on the second one.
var changes = []struct {
	name string
	do   func(r repo)
	// added, changed, removed and uploaded count files.
	added, changed, removed, uploaded int
	// guard is the guard that stops the second deploy, or "".
	guard guard.ID
}{
	{name: "one file", do: func(r repo) { r.write("public/deep/er/b.html", "b, changed") }, changed: 1, uploaded: 1},
	{name: "nothing", do: func(repo) {}},
	{name: "nothing of the site", do: func(r repo) { r.write("readme.md", "other") }},
	{name: "two files with the content of others",
		do: func(r repo) { r.write("public/deep/a.html", "c"); r.write("public/new.html", "b") }, added: 1, changed: 1},
	{name: "two new files of the same content",
		do: func(r repo) { r.write("public/x.txt", "new"); r.write("public/deep/x.txt", "new") }, added: 2, uploaded: 1},
	{name: "rename", do: func(r repo) { r.git("mv", "public/deep/a.html", "public/z.html") }, added: 1, removed: 1},
	{name: "rename of a directory", do: func(r repo) { r.git("mv", "public/deep", "public/down") }, added: 3, removed: 3},
	{name: "rename in case alone", do: func(r repo) { r.git("mv", "public/deep/a.html", "public/deep/A.html") }, added: 1,
		removed: 1},
	{name: "rename of a directory in case alone", do: func(r repo) { r.git("mv", "public/deep", "public/Deep") },
		added: 3, removed: 3},
	{name: "mode alone", do: func(r repo) {
		r.git("update-index", "--chmod=+x", "public/about.html")
		r.git("checkout", "-q", "public")
	}},
	{name: "file becomes directory",
		do: func(r repo) { r.remove("public/deep/a.html"); r.write("public/deep/a.html/index.html", "a") }, added: 1,
		removed: 1},
	{name: "directory becomes file", do: func(r repo) { r.remove("public/deep/er"); r.write("public/deep/er", "b") },
		added: 1, removed: 2},
	{name: "directory and file change places", do: func(r repo) {
		r.move("public/deep/er", "kept")
		r.move("public/about.html", "public/deep/er")
		r.move("kept", "public/about.html")
		r.link("index.html", "public/link.html")
	}, added: 3, changed: 1, removed: 3},
	{name: "symlink to another file", do: func(r repo) { r.link("deep/a.html", "public/link.html") }, changed: 1},
	{name: "target of a symlink", do: func(r repo) { r.write("public/about.html", "about us") }, changed: 2,
		uploaded: 1},
	{name: "symlink becomes file",
		do: func(r repo) { r.remove("public/link.html"); r.write("public/link.html", "no link") }, changed: 1, uploaded: 1},
	{name: "file becomes symlink", do: func(r repo) { r.link("../about.html", "public/deep/a.html") }, changed: 1},
	{name: ".assetsignore", do: func(r repo) { r.write("public/.assetsignore", "deep\n") }, removed: 3},
	{name: ".assetsignore with a negated pattern", do: func(r repo) {
		r.write("public/.assetsignore", "!.hidden\n")
		r.write("public/img/.hidden", "seen")
	}, added: 1, uploaded: 1},
	{name: "merge", do: func(r repo) {
		r.git("checkout", "-q", "-b", "topic", "HEAD~1")
		r.write("public/topic.html", "topic")
		r.commit("topic")
		r.git("checkout", "-q", "main")
		r.git("merge", "-q", "--no-ff", "-m", "merge", "topic")
	}, added: 1, uploaded: 1},
	{name: "a branch that the live commit is merged into", do: func(r repo) {
		r.git("checkout", "-q", "-b", "topic", "HEAD~1")
		r.write("public/topic.html", "topic")
		r.commit("topic")
		r.git("merge", "-q", "-m", "merge", "main")
	}, added: 1, uploaded: 1},
	{name: "force-push", do: func(r repo) {
		r.git("reset", "-q", "--hard", "HEAD~1")
		r.write("public/about.html", "in place of the last commit")
	}, changed: 3, uploaded: 2},
	{name: "orphan branch", do: func(r repo) {
		r.git("checkout", "-q", "--orphan", "fresh")
		r.write("public/fresh.html", "fresh")
	}, added: 1, uploaded: 1},
	{name: "older", do: func(r repo) { r.git("checkout", "-q", "--detach", "HEAD~1") }, guard: guard.Older},
	{name: "force-push back", do: func(r repo) { r.git("reset", "-q", "--hard", "HEAD~2") }, guard: guard.Older},
}

// A deploy uploads only content that is not live, under whatever path, and sends at most the
// requests of one changed file. Each change is deployed from a complete clone and from one with
// a single commit.
func TestOnlyChangesAreUploaded(t *testing.T) {
	isolateGit(t)
	f := platformtest.Start(t)
	a := account(t, f)
	origin := grown(t)
	for i, tt := range changes {
		for _, depth := range []string{"whole", "depth 1"} {
			t.Run(tt.name+"/"+depth, func(t *testing.T) {
				r := origin.copied(t)
				name := fmt.Sprintf("change-%d-%s", i, strings.ReplaceAll(depth, " ", "-"))
				if _, err := open(t, inputsOf(t, r.dir, name, f)).Deploy(t.Context(), plan.Options{}); err != nil {
					t.Fatal(err)
				}
				before := liveFiles(t, a, name)
				tt.do(r)
				if r.git("status", "--porcelain") != "" || tt.name == "nothing" {
					r.commit(tt.name)
				}
				from := r
				if depth != "whole" {
					r.git("branch", "-f", "pushed")
					from = clone(r, "--depth=1", "--branch=pushed")
				}
				f.Server.ResetRequests()
				site := open(t, inputsOf(t, from.dir, name, f))
				res, err := site.Deploy(t.Context(), plan.Options{})
				if tt.guard != "" {
					if g := (*guard.Error)(nil); !errors.As(err, &g) || g.Guard != tt.guard {
						t.Errorf("got %v, want the guard %q", err, tt.guard)
					}
					wantFiles(t, liveFiles(t, a, name), before)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				requests := len(f.Server.Requests())
				p := res.Plan
				if len(p.Added) != tt.added || len(p.Changed) != tt.changed || len(p.Removed) != tt.removed ||
					res.Uploaded != tt.uploaded {
					t.Errorf("%d added, %d changed, %d removed, %d uploaded; want %d, %d, %d, %d", len(p.Added), len(p.Changed),
						len(p.Removed), res.Uploaded,
						tt.added, tt.changed, tt.removed, tt.uploaded)
				}
				same := strings.HasPrefix(tt.name, "nothing")
				// Without a change the live version is activated again for the newer commit.
				if most := 7; requests > most || same && (requests != 4 || !p.NoChange || !p.Reactivate) {
					t.Errorf("%d requests, no change is %v, activated again is %v", requests, p.NoChange, p.Reactivate)
				}
				if p.Origin.Commit != r.git("rev-parse", "HEAD") {
					t.Errorf("%+v", p.Origin)
				}
				wantFiles(t, liveFiles(t, a, name), servedOf(t, r))
			})
		}
	}
}

// servedOf returns the files of the folder public, without dotfiles and the files that its
// .assetsignore excludes.
func servedOf(t *testing.T, r repo) files {
	t.Helper()
	out := siteIn(t, r.path("public"))
	rules, err := os.ReadFile(r.path("public/.assetsignore"))
	if err != nil {
		return out
	}
	for rule := range strings.FieldsSeq(string(rules)) {
		if shown, ok := strings.CutPrefix(rule, "!"); ok {
			out["/img/"+shown] = r.read("public/img/" + shown)
			continue
		}
		for path := range out {
			if strings.HasPrefix(path, "/"+rule+"/") {
				delete(out, path)
			}
		}
	}
	return out
}

// Content that a revert brings back is uploaded again under a new key, although a blob of the
// same content may still exist.
func TestRevertUploadsAgain(t *testing.T) {
	isolateGit(t)
	f := platformtest.Start(t)
	a := account(t, f)
	r := grown(t)
	keys := func() map[string]string {
		m, _ := liveManifest(t, a, "revert")
		out := map[string]string{}
		for _, asset := range m.Assets {
			out[asset.Path] = asset.Blob.String()
		}
		return out
	}
	deploy := func() *kvsync.Result {
		t.Helper()
		res, err := open(t, inputsOf(t, r.dir, "revert", f)).Deploy(t.Context(), plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	deploy()
	first := keys()
	r.write("public/deep/a.html", "bad")
	r.write("public/index.html", "about") // content that is live
	r.commit("bad")
	if n := deploy().Uploaded; n != 1 {
		t.Errorf("%d uploaded, want 1", n)
	}
	r.git("revert", "--no-edit", "HEAD")
	if n := deploy().Uploaded; n != 2 {
		t.Errorf("%d uploaded by the revert, want 2", n)
	}
	wantFiles(t, liveFiles(t, a, "revert"), siteIn(t, r.path("public")))
	for path, key := range keys() {
		if reverted := path == "/deep/a.html" || path == "/index.html"; reverted == (key == first[path]) {
			t.Errorf("%s has the key %s, and had %s", path, key, first[path])
		}
	}
}

// The cost of a deploy depends on the change, not on the size of the site, in a complete clone
// and in one with a single commit.
func TestCostOfADeployDependsOnTheChange(t *testing.T) {
	isolateGit(t)
	f := platformtest.Start(t)
	r := newRepo(t)
	for i := range 30 {
		for j := range 30 {
			r.write(fmt.Sprintf("public/%02d/%02d/page.html", i, j), fmt.Sprint(i, " ", j))
		}
	}
	r.commit("one")
	if _, err := open(t, inputsOf(t, r.dir, "cost", f)).Deploy(t.Context(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	for n, depth := range []string{"whole", "depth 1"} {
		r.write(fmt.Sprintf("public/07/%02d/page.html", n), "changed for "+depth)
		r.commit(depth)
		from := r
		if depth != "whole" {
			from = clone(r, "--depth=1")
		}
		f.Server.ResetRequests()
		site := open(t, inputsOf(t, from.dir, "cost", f))
		res, err := site.Deploy(t.Context(), plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		reads := site.Reads()
		// The commits: the new one, and both again for their order. The trees: those of the
		// root, public, 07 and the folder in it. The blob: the file. The number of bytes
		// depends on git's packs.
		reads.Bytes = 0
		if want := (objects.Reads{Commits: 3, Trees: 4, Blobs: 1, Sizes: 1}); reads != want {
			t.Errorf("%s: %+v was read, want %+v", depth, reads, want)
		}
		if requests := len(f.Server.Requests()); requests > 7 || res.Uploaded != 1 || len(res.Plan.Changed) != 1 {
			t.Errorf("%s: %d requests, %d uploaded", depth, requests, res.Uploaded)
		}
	}
}

// If the clone does not contain the order of two commits, GitHub's answer decides, and an older
// commit is refused. Nothing is fetched, because the Action's image has no git.
func TestOlderByGitHub(t *testing.T) {
	isolateGit(t)
	f := platformtest.Start(t)
	r := grown(t)
	in := inputsOf(t, r.dir, "older", f)
	if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	live := r.git("rev-parse", "HEAD")
	r.git("branch", "old", "HEAD~1")
	c := clone(r, "--depth=1", "--branch=old")
	asked := 0
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked++
		if !strings.Contains(req.URL.Path, live+"..."+c.read(".git/refs/heads/old")[:40]) {
			t.Errorf("GitHub is asked for %s", req.URL.Path)
		}
		fmt.Fprint(w, `{"status":"behind"}`)
	}))
	defer api.Close()
	in = inputsOf(t, c.dir, "older", f)
	in.GitHubToken = "token"
	in.Getenv = func(name string) string {
		return map[string]string{"GITHUB_API_URL": api.URL, "GITHUB_REPOSITORY": "ada/tides"}[name]
	}
	shallow := c.read(".git/shallow")
	t.Setenv("PATH", t.TempDir())
	err := deployError(t, in)
	if g := (*guard.Error)(nil); !errors.As(err, &g) || g.Guard != guard.Older || asked != 1 {
		t.Errorf("got %v after %d questions", err, asked)
	}
	// Without GitHub the order is unknown, and the guard for that stops the deploy.
	err = deployError(t, inputsOf(t, c.dir, "older", f))
	if g := (*guard.Error)(nil); !errors.As(err, &g) || g.Guard != guard.Order {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(c.dir, ".git", "FETCH_HEAD")); err == nil || c.read(".git/shallow") != shallow {
		t.Error("the clone was fetched into")
	}
}

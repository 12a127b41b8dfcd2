package app_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// A deploy works from every form of clone that git reads, with and without the git command, which
// the Action's image does not have. Auto selects the commit if the work tree is clean, otherwise
// the folder.
func TestEveryClone(t *testing.T) {
	isolateGit(t)
	f := platformtest.Start(t)
	all := slices.Concat(forms, []form{reftable(t), relativeWorktree(t)})
	origin := originOf(t)
	for i, form := range all {
		if form.make == nil {
			t.Run(form.name, func(t *testing.T) { t.Log(form.name) })
			continue
		}
		for _, mode := range []string{"git", "alone"} {
			t.Run(form.name+"/"+mode, func(t *testing.T) {
				o := origin.copied(t)
				c := form.make(o)
				if c.want == nil {
					c.want = siteIn(t, o.path("public"))
				}
				if c.commit == "" {
					c.commit = o.git("rev-parse", "HEAD")
				}
				if c.site == "" {
					c.site = filepath.Join(c.dir, "public")
				}
				if c.chdir != "" {
					t.Chdir(c.chdir)
				}
				for name, value := range c.env {
					t.Setenv(name, value)
				}
				words := form.refused
				if mode == "alone" {
					words = form.alone
					t.Setenv("PATH", t.TempDir())
				}
				c.deploys(t, f, fmt.Sprintf("form-%d-%s", i, mode), words)
			})
		}
	}
}

// deploys deploys from a clone and checks the result. If words is not nil, the clone cannot be
// read, and the error contains these words.
func (c cloned) deploys(t *testing.T, f *platformtest.Fixture, site string, words []string) {
	t.Helper()
	in := inputsOf(t, c.dir, site, f)
	in.Directory = c.directory
	if words == nil && worktree.Bare(c.dir, in.Getenv) != c.bare {
		t.Error("worktree.Bare is wrong")
	}
	if c.bare {
		in.Commit = "main"
	}
	if words != nil {
		in.Source = source.KindCommit
		err := deployError(t, in)
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(word, "`", "")) {
				t.Errorf("the error is %v, want %q in it", err, word)
			}
		}
		if !c.bare {
			c.fallsBack(t, f, in)
		}
		return
	}
	res, err := open(t, in).Deploy(t.Context(), plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o := res.Plan.Origin; o.Kind != source.KindCommit || o.Commit != c.commit {
		t.Errorf("%s %s was deployed, want the commit %s", o.Kind, o.Commit, c.commit)
	}
	a := account(t, f)
	wantFiles(t, liveFiles(t, a, site), c.want)
	if c.bare {
		return
	}
	if c.partial {
		was, err := os.ReadFile(filepath.Join(c.site, "index.html"))
		change(t, c.site, "<h1>change</h1>")
		if err := deployError(t, in); err == nil || !strings.Contains(err.Error(), "sparse checkout leaves out public/") {
			t.Errorf("the partial folder was not refused: %v", err)
		}
		wantFiles(t, liveFiles(t, a, site), c.want)
		if err == nil {
			change(t, c.site, string(was))
		} else if err := os.Remove(filepath.Join(c.site, "index.html")); err != nil {
			t.Fatal(err)
		}
		wantKind(t, in, source.KindCommit)
		return
	}
	// Auto selects the folder after a change of the same size, with a new file and without a file.
	index := c.want["/index.html"]
	change(t, c.site, strings.ReplaceAll(index, "<", "["))
	wantKind(t, in, source.KindFolder)
	if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, liveFiles(t, a, site), siteIn(t, c.site))
	change(t, c.site, index)
	wantKind(t, in, source.KindCommit)
	added := filepath.Join(c.site, "untracked.txt")
	if err := os.WriteFile(added, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantKind(t, in, source.KindFolder)
	if err := os.Remove(added); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.site, "index.html")); err != nil {
		t.Fatal(err)
	}
	wantKind(t, in, source.KindFolder)
}

// fallsBack checks what auto does if the commit of a clone cannot be read. If only the git command
// could read it, auto refuses a tracked folder, because it cannot compare the folder with the
// commit, and deploys an untracked one. Otherwise it deploys the folder.
func (c cloned) fallsBack(t *testing.T, f *platformtest.Fixture, in app.Inputs) {
	t.Helper()
	in.Source = source.Auto
	_, err := source.OpenCommit(t.Context(), source.Options{WorkDir: c.dir, Getenv: in.Getenv})
	if errors.Is(err, worktree.ErrUnreadable) {
		if err := deployError(t, in); err == nil || !strings.Contains(err.Error(), "install git") &&
			!strings.Contains(err.Error(), "is not there") {
			t.Errorf("auto with a commit that cannot be read: %v", err)
		}
		in.Directory = "built"
		built := filepath.Join(c.dir, "built")
		if err := os.CopyFS(built, fstest.MapFS{"index.html": {Data: []byte("built")},
			"a/b.css": {Data: []byte("b")}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, liveFiles(t, account(t, f), in.Name), siteIn(t, filepath.Join(c.dir, siteOf(in))))
}

func siteOf(in app.Inputs) string {
	if in.Directory != "" {
		return in.Directory
	}
	return "public"
}

func deployError(t *testing.T, in app.Inputs) error {
	t.Helper()
	site, err := app.Open(t.Context(), in)
	if err != nil {
		return err
	}
	defer site.Close()
	_, err = site.Deploy(t.Context(), plan.Options{})
	return err
}

func change(t *testing.T, site, text string) {
	t.Helper()
	if err := os.MkdirAll(site, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(site, "index.html"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, in app.Inputs, kind string) {
	t.Helper()
	src, err := open(t, in).Source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o, err := src.Origin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o.Kind != kind {
		t.Errorf("the source is the %s, want the %s", o.Kind, kind)
	}
}

func wantFiles(t *testing.T, got, want files) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("live is %.600q, want %.600q", fmt.Sprint(got), fmt.Sprint(want))
	}
}

// The error for a repository with reftable names the extension. The test only sets the
// configuration, so it also runs with a git that does not know reftable.
func TestErrorNamesReftable(t *testing.T) {
	isolateGit(t)
	r := clone(originOf(t))
	r.git("config", "core.repositoryFormatVersion", "1")
	r.git("config", "extensions.refStorage", "reftable")
	r.write(".git/HEAD", "ref: refs/heads/.invalid\n")
	if !gitHas(t, 2, 45) {
		_, err := source.OpenCommit(t.Context(), source.Options{WorkDir: r.dir})
		if err == nil || !strings.Contains(err.Error(), "refstorage") ||
			!strings.Contains(err.Error(), "install a newer git") {
			t.Errorf("with a git that does not know reftable: %v", err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	_, err := source.OpenCommit(t.Context(), source.Options{WorkDir: r.dir})
	if err == nil || !strings.Contains(err.Error(), "extensions.refStorage") &&
		!strings.Contains(err.Error(), "extensions.refstorage") || !strings.Contains(err.Error(), "install git") {
		t.Errorf("got %v", err)
	}
}

// kv-sync reads a repository of another user, and runs no program that its configuration or hooks
// name. If it needs the git command, git refuses the repository, and the error says so.
func TestCloneOfAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can give a repository to another user")
	}
	isolateGit(t)
	f := platformtest.Start(t)
	make := func(t *testing.T, args ...string) (repo, string) {
		r := clone(originOf(t), args...)
		ran := r.path("../ran")
		r.write("../program", "#!/bin/sh\necho \"$0 $*\" >>"+ran+"\ncat\n")
		if err := os.Chmod(r.path("../program"), 0o755); err != nil {
			t.Fatal(err)
		}
		program := r.path("../program")
		for _, name := range []string{"core.fsmonitor", "core.sshCommand", "filter.x.clean", "filter.x.smudge",
			"filter.x.process", "diff.external", "core.pager", "core.editor", "credential.helper", "core.gitProxy",
			"uploadpack.packObjectsHook"} {
			r.git("config", name, program)
		}
		for _, hook := range []string{"post-index-change", "reference-transaction", "post-checkout", "pre-push",
			"post-rewrite"} {
			r.write(".git/hooks/"+hook, r.read("../program"))
			if err := os.Chmod(r.path(".git/hooks/"+hook), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		r.write(".git/info/attributes", "* filter=x\n")
		err := filepath.WalkDir(r.dir, func(name string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(name, 12345, 12345)
		})
		if err != nil {
			t.Fatal(err)
		}
		r.remove("../ran")
		return r, ran
	}
	for _, mode := range []string{"git", "alone"} {
		t.Run(mode, func(t *testing.T) {
			r, ran := make(t)
			c := cloned{dir: r.dir, site: r.path("public"), commit: r.read(".git/refs/heads/main"),
				want: siteIn(t, r.path("public"))}
			c.commit = strings.TrimSpace(c.commit)
			if mode == "alone" {
				t.Setenv("PATH", t.TempDir())
			}
			c.deploys(t, f, "foreign-"+mode, nil)
			_, err := source.OpenCommit(t.Context(), source.Options{WorkDir: r.dir, Revision: "main@{0}"})
			if err == nil || mode == "git" && (!strings.Contains(err.Error(), "dubious ownership") ||
				!strings.Contains(err.Error(), "safe.directory") || strings.Contains(err.Error(), "fetch it first")) {
				t.Errorf("a revision that only git resolves: %v", err)
			}
			if text, err := os.ReadFile(ran); err == nil {
				t.Errorf("programs of another user's repository were run:\n%s", text)
			}
		})
	}
	t.Run("partial", func(t *testing.T) {
		r, ran := make(t, "--filter=blob:none")
		in := inputsOf(t, r.dir, "foreign-partial", f)
		in.Source = source.KindCommit
		if err := deployError(t, in); err == nil || !strings.Contains(err.Error(), "safe.directory") ||
			!strings.Contains(err.Error(), "the user who owns it") {
			t.Errorf("got %v", err)
		}
		if text, err := os.ReadFile(ran); err == nil {
			t.Errorf("programs of another user's repository were run:\n%s", text)
		}
	})
}

// docs/git.md contains the errors of a workflow without git.
func TestCloneErrorsAreAsDocumented(t *testing.T) {
	isolateGit(t)
	doc, err := os.ReadFile("../../docs/git.md")
	if err != nil {
		t.Fatal(err)
	}
	partial := clone(originOf(t), "--filter=blob:none")
	other := originOf(t, "--object-format=sha256")
	t.Setenv("PATH", t.TempDir())
	for _, dir := range []string{partial.dir, other.dir} {
		_, err := source.OpenCommit(t.Context(), source.Options{WorkDir: dir})
		if text := strings.ReplaceAll(fmt.Sprint(err), dir, "/github/workspace"); !strings.Contains(string(doc),
			"\n"+text+"\n") {
			t.Errorf("docs/git.md does not have the error %s", text)
		}
	}
}

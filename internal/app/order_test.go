package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/github"
	"github.com/kv-sync/kv-sync/internal/source"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// shallow makes a repository of n commits and a clone with only the last one. It returns the
// clone's folder and the ids, oldest first.
func shallow(t *testing.T, n int) (dir string, ids []string) {
	t.Helper()
	root := t.TempDir()
	origin := filepath.Join(root, "origin")
	git := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@b")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git(root, "init", "-q", "-b", "main", origin)
	for i := range n {
		git(origin, "commit", "-q", "--allow-empty", "-m", fmt.Sprint(i))
		ids = append(ids, git(origin, "rev-parse", "HEAD"))
	}
	dir = filepath.Join(root, "clone")
	git(root, "clone", "-q", "--depth=1", "file://"+origin, dir)
	return dir, ids
}

func orderedIn(t *testing.T, dir string, gh *github.Client) *ordered {
	t.Helper()
	src, err := source.OpenCommit(t.Context(), source.Options{WorkDir: dir, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return &ordered{Source: src, github: gh, clone: clone.New(dir, ""), log: slog.New(slog.DiscardHandler)}
}

func TestOrderDeepensAShallowClone(t *testing.T) {
	dir, ids := shallow(t, 3)
	for _, tt := range []struct {
		active, next string
		want         manifest.Relation
	}{
		{ids[0], ids[2], manifest.RelationNewer},
		{ids[2], ids[0], manifest.RelationOlder},
		{strings.Repeat("a", 40), ids[2], manifest.RelationUnknown}, // a force-push removed it
	} {
		o := orderedIn(t, dir, nil)
		if rel, err := o.Compare(t.Context(), tt.active, tt.next); err != nil || rel != tt.want {
			t.Errorf("Compare(%.7s, %.7s) is %v, %v; want %v", tt.active, tt.next, rel, err, tt.want)
		}
	}
}

// A deploy after a rollback compares twice: with the live commit, and with the one that is held
// back. What the first comparison fetched counts for the second.
func TestOrderAfterAFetch(t *testing.T) {
	dir, ids := shallow(t, 3)
	o := orderedIn(t, dir, nil)
	for _, active := range ids[:2] {
		if rel, err := o.Compare(t.Context(), active, ids[2]); err != nil || rel != manifest.RelationNewer {
			t.Errorf("Compare(%.7s, %.7s) is %v, %v", active, ids[2], rel, err)
		}
	}
}

// In a repository without a remote, as on a git server, the live commit is absent, and no failed
// fetch is logged. Without the new commit it is no repository of the site.
func TestOrderWithoutARemote(t *testing.T) {
	dir, ids := shallow(t, 3)
	c := clone.New(dir, "")
	for _, args := range [][]string{{"fetch", "-q", "--unshallow"}, {"remote", "remove", "origin"}} {
		if _, err := c.Line(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	var said strings.Builder
	o := orderedIn(t, dir, nil)
	o.log = slog.New(slog.NewTextHandler(&said, nil))
	if rel, err := o.Compare(t.Context(), strings.Repeat("a", 40), ids[2]); err != nil ||
		rel != manifest.RelationAbsent || said.Len() > 0 {
		t.Errorf("got %v, %v, logged %q", rel, err, &said)
	}
	if rel, err := o.Compare(t.Context(), strings.Repeat("a", 40), strings.Repeat("b", 40)); err != nil ||
		rel != manifest.RelationUnknown || said.Len() > 0 {
		t.Errorf("without the new commit: %v, %v, logged %q", rel, err, &said)
	}
}

func TestOrderAsksGitHubFirst(t *testing.T) {
	dir, ids := shallow(t, 3)
	for status, want := range map[string]manifest.Relation{
		"ahead": manifest.RelationNewer, "behind": manifest.RelationOlder, "identical": manifest.RelationSame,
		"diverged": manifest.RelationDiverged,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
			_ *http.Request) {
			fmt.Fprintf(w, `{"status":%q}`, status)
		}))
		gh, err := github.New(server.URL, "ada/tides", "token")
		if err != nil {
			t.Fatal(err)
		}
		if rel, err := orderedIn(t, dir, gh).Compare(t.Context(), ids[0], ids[2]); err != nil || rel != want {
			t.Errorf("%s is %v, %v", status, rel, err)
		}
		server.Close()
	}
	if out, err := clone.New(dir, "").Line(t.Context(), "rev-parse", "--is-shallow-repository"); err != nil ||
		out != "true" {
		t.Errorf("the clone was deepened though GitHub knew: %s, %v", out, err)
	}
}

func TestOrderWithoutAnAnswerOfGitHub(t *testing.T) {
	dir, ids := shallow(t, 3)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	gh, err := github.New(server.URL, "ada/tides", "token")
	if err != nil {
		t.Fatal(err)
	}
	if rel, err := orderedIn(t, dir, gh).Compare(t.Context(), ids[0], ids[2]); err != nil ||
		rel != manifest.RelationNewer {
		t.Errorf("got %v, %v", rel, err)
	}
}

func TestOrderHonoursTheContext(t *testing.T) {
	dir, ids := shallow(t, 3)
	o := orderedIn(t, dir, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if rel, err := o.clone.Deepen(ctx, o.log, ids[0], ids[2]); err == nil || rel != manifest.RelationUnknown {
		t.Errorf("got %v, %v", rel, err)
	}
}

// If a commit in between is missing, the relation is unknown, and not "diverged".
func TestOrderWithAMissingCommit(t *testing.T) {
	dir, ids := shallow(t, 3)
	c := clone.New(dir, "")
	if _, err := c.Line(t.Context(), "fetch", "-q", "--unshallow"); err != nil {
		t.Fatal(err)
	}
	tree, err := c.Line(t.Context(), "rev-parse", ids[2]+"^{tree}")
	if err != nil {
		t.Fatal(err)
	}
	c = clone.New(dir, "", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=Ada",
		"GIT_COMMITTER_EMAIL=a@b")
	apart, err := c.Line(t.Context(), "commit-tree", tree, "-m", "apart")
	if err != nil {
		t.Fatal(err)
	}
	if rel := c.Relation(t.Context(), ids[2], apart); rel != manifest.RelationDiverged {
		t.Errorf("two unrelated commits are %v", rel)
	}
	text := fmt.Sprintf("tree %s\nparent %s\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n", tree,
		strings.Repeat("a", 40))
	next, err := c.Do(t.Context(), command.Call{Args: []string{"hash-object", "-t", "commit", "-w", "--stdin"},
		Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	next = strings.TrimSpace(next)
	if rel := c.Relation(t.Context(), ids[2], next); rel != manifest.RelationUnknown {
		t.Errorf("with a missing commit the relation is %v", rel)
	}
}

// The commit of the live version is passed to git only if it is a full id. It is not trusted.
func TestOrderPassesOnlyIDs(t *testing.T) {
	dir, ids := shallow(t, 3)
	ran := filepath.Join(t.TempDir(), "ran")
	for _, active := range []string{"--upload-pack=touch " + ran, "-h", "", "HEAD", strings.Repeat("a", 41)} {
		if rel, err := orderedIn(t, dir, nil).Compare(t.Context(), active, ids[2]); err != nil ||
			rel != manifest.RelationUnknown {
			t.Errorf("%q: %v, %v", active, rel, err)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("git ran a command in the name of a commit")
	}
	if _, err := os.Stat(filepath.Join(dir, ".git", "FETCH_HEAD")); err == nil {
		t.Error("git fetched a commit that is no id")
	}
}

// The relative GIT_DIR of a hook is used for a site in a folder below, which need not exist on
// disk.
func TestOrderWithARelativeGitDir(t *testing.T) {
	for _, below := range []string{"there", "in/the/commit/alone"} {
		dir, ids := shallow(t, 3)
		if err := os.Mkdir(filepath.Join(dir, "there"), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		t.Setenv("GIT_DIR", ".git")
		o := orderedIn(t, dir, nil)
		o.clone = clone.New(filepath.Join(dir, filepath.FromSlash(below)), "")
		if rel, err := o.Compare(t.Context(), ids[0], ids[2]); err != nil || rel != manifest.RelationNewer {
			t.Errorf("%s: got %v, %v", below, rel, err)
		}
	}
}

// git ignores replaced commits here, as kv-sync's own reading of objects does.
func TestOrderIgnoresReplacedCommits(t *testing.T) {
	dir, ids := shallow(t, 3)
	c := clone.New(dir, "")
	for _, args := range [][]string{{"fetch", "-q", "--unshallow"}, {"replace", "--graft", ids[2]}} {
		if _, err := c.Line(t.Context(), append([]string{"-c", "user.name=A", "-c", "user.email=a@b"},
			args...)...); err != nil {
			t.Fatal(err)
		}
	}
	if rel := c.Relation(t.Context(), ids[0], ids[2]); rel != manifest.RelationNewer {
		t.Errorf("got %v", rel)
	}
}

// A rollback orders by the repository what others deploy in the same moment. Without one the
// order is unknown, which is no error.
func TestRollbackComparesCommits(t *testing.T) {
	dir, ids := shallow(t, 3)
	for at, want := range map[string]manifest.Relation{
		dir: manifest.RelationNewer, t.TempDir(): manifest.RelationUnknown,
	} {
		s, err := Open(t.Context(), Inputs{Root: at, Name: "tides", DeployedOnly: true, Token: "token",
			AccountID: strings.Repeat("a", 32), CacheDir: t.TempDir(), Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.compare(t.Context(), ids[0], ids[2]); err != nil || got != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

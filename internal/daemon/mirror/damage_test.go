package mirror_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon/mirror"
)

// fixture is a bare repository, and the mirror of its branch main.
type fixture struct {
	t      *testing.T
	remote string
	mirror *mirror.Mirror
	log    bytes.Buffer
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, remote: filepath.Join(t.TempDir(), "remote.git")}
	f.git(filepath.Dir(f.remote), "", "init", "-q", "--bare", "-b", "main", f.remote)
	var remote mirror.Remote
	if err := remote.UnmarshalText([]byte(f.remote)); err != nil {
		t.Fatal(err)
	}
	f.mirror = mirror.New(mirror.Options{
		Dir: filepath.Join(t.TempDir(), "mirror.git"), Remote: remote, Limit: time.Minute, Environ: environ(),
		Redact: func(s string) string { return s }, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	return f
}

func environ() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a",
		"GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
}

// git runs git with standard input and returns its output without white space around
// it.
func (f *fixture) git(dir, in string, args ...string) string {
	f.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, environ(), strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// object writes an object without any checks, so it can write what git would refuse.
func (f *fixture) object(kind, content string) string {
	f.t.Helper()
	return f.git(f.remote, content, "hash-object", "-t", kind, "-w", "--stdin", "--literally")
}

// tree writes a tree. An entry is "MODE NAME ID".
func (f *fixture) tree(entries ...string) string {
	f.t.Helper()
	var b strings.Builder
	for _, e := range entries {
		part := strings.Split(e, " ")
		id, err := hex.DecodeString(part[2])
		if err != nil {
			f.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s\x00%s", part[0], part[1], id)
	}
	return f.object("tree", b.String())
}

// commit makes the branch's next commit, of a page and of size random bytes.
func (f *fixture) commit(page string) {
	f.t.Helper()
	f.follow(f.tree("100644 index.html " + f.object("blob", page)))
}

// follow makes the branch's next commit, of a tree.
func (f *fixture) follow(tree string) {
	f.t.Helper()
	args := []string{"commit-tree", tree, "-m", "x"}
	if head := f.git(f.remote, "", "for-each-ref", "--format=%(objectname)", "refs/heads/main"); head != "" {
		args = append(args, "-p", head)
	}
	f.git(f.remote, "", "update-ref", "refs/heads/main", f.git(f.remote, "", args...))
}

// fetch brings the mirror up to date.
func (f *fixture) fetch() {
	f.t.Helper()
	at, err := f.mirror.Tip(f.t.Context(), "main")
	if err != nil {
		f.t.Fatal(err)
	}
	if got, err := f.mirror.Fetch(f.t.Context(), at); err != nil || got != at.Commit {
		f.t.Fatalf("%s, %v, want %s", got, err, at.Commit)
	}
}

// An object that git fsck calls an error is not damage, because another clone has it, too.
func TestOddHistoryIsNoDamage(t *testing.T) {
	f := newFixture(t)
	blob := f.object("blob", "x")
	tree := f.tree("100644 index.html " + blob)
	const someone = "A <a@example.com> 1200000000 +0000"
	for name, odd := range map[string]func() string{
		"badTimezone": func() string {
			return f.object("commit", "tree "+tree+"\nauthor A <a@b.c> 1 +051800\ncommitter "+someone+"\n\nx")
		},
		"badDateOverflow": func() string {
			return f.object("commit", "tree "+tree+"\nauthor A <a@b.c> 99999999999999999999 +0000\ncommitter "+someone+"\n\nx")
		},
		"missingEmail": func() string {
			return f.object("commit", "tree "+tree+"\nauthor A 1 +0000\ncommitter "+someone+"\n\nx")
		},
		"missingAuthor": func() string { return f.object("commit", "tree "+tree+"\ncommitter "+someone+"\n\nx") },
		"nulInHeader": func() string {
			return f.object("commit", "tree "+tree+"\nauthor "+someone+"\ncommitter "+someone+"\nx \x00\n\nx")
		},
		"unterminatedHeader": func() string {
			return f.object("commit", "tree "+tree+"\nauthor "+someone+"\ncommitter "+someone)
		},
		"zeroPaddedFilemode": func() string { return f.tree("0100644 a " + blob) },
		"badFilemode":        func() string { return f.tree("100666 a " + blob) },
		"duplicateEntries":   func() string { return f.tree("100644 a "+blob, "100644 a "+blob) },
		"treeNotSorted":      func() string { return f.tree("100644 b "+blob, "100644 a "+blob) },
		"hasDotgit":          func() string { return f.tree("100644 .git " + blob) },
		"gitmodulesSymlink":  func() string { return f.tree("120000 .gitmodules " + blob) },
		"gitmodulesUrl": func() string {
			return f.tree("100644 .gitmodules " + f.object("blob", "[submodule \"x\"]\n\tpath = x\n\turl = -u./payload\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := odd()
			if f.git(f.remote, "", "cat-file", "-t", id) == "commit" {
				f.git(f.remote, "", "update-ref", "refs/heads/main", id)
			} else {
				f.follow(id)
			}
			f.commit("on top of " + name)
			f.fetch()
			out, _ := exec.Command("git", "-C", f.mirror.Dir(), "fsck").CombinedOutput()
			if !strings.Contains(string(out), ": "+name+": ") {
				t.Fatalf("git finds no %s, so this case tests nothing:\n%s", name, out)
			}
			if why := f.mirror.Damage(t.Context()); why != "" {
				t.Errorf("it is damage: %s", why)
			}
		})
	}
}

// damages are what a power failure, a bad disk or a person does to a mirror.
var damages = map[string]func(t *testing.T, mirror string){
	"a truncated pack": func(t *testing.T, mirror string) {
		edit(t, only(t, mirror, "objects/pack/*.pack"), func(b []byte) []byte { return b[:40] })
	},
	"a changed byte in a pack": func(t *testing.T, mirror string) {
		edit(t, only(t, mirror, "objects/pack/*.pack"), func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b })
	},
	"no index of a pack": func(t *testing.T, mirror string) {
		remove(t, only(t, mirror, "objects/pack/*.idx"))
	},
	"a damaged index of a pack": func(t *testing.T, mirror string) {
		edit(t, only(t, mirror, "objects/pack/*.idx"), func(b []byte) []byte {
			clear(b[8:])
			return b
		})
	},
	"an object that is gone": func(t *testing.T, mirror string) {
		remove(t, loose(t, mirror))
	},
	"an empty object": func(t *testing.T, mirror string) {
		edit(t, loose(t, mirror), func([]byte) []byte { return nil })
	},
	"the content of another object": func(t *testing.T, mirror string) {
		files := looseAll(t, mirror)
		edit(t, files[0], func([]byte) []byte {
			b, err := os.ReadFile(files[1])
			if err != nil {
				t.Fatal(err)
			}
			return b
		})
	},
	"no objects": func(t *testing.T, mirror string) {
		remove(t, filepath.Join(mirror, "objects"))
		if err := os.Mkdir(filepath.Join(mirror, "objects"), 0o700); err != nil {
			t.Fatal(err)
		}
	},
	"no HEAD": func(t *testing.T, mirror string) { remove(t, filepath.Join(mirror, "HEAD")) },
	"an empty ref": func(t *testing.T, mirror string) {
		remove(t, filepath.Join(mirror, "packed-refs"))
		edit(t, filepath.Join(mirror, "refs/heads/main"), func([]byte) []byte { return nil })
	},
	"a file in place of the mirror": func(t *testing.T, mirror string) {
		remove(t, mirror)
		edit(t, mirror, func([]byte) []byte { return nil })
	},
}

// Damage is found, also in a mirror with objects that git fsck calls errors. The next fetch
// clones the repository again.
func TestDamage(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.git(f.remote, "", "update-ref", "refs/heads/main", f.object("commit", "tree "+f.tree()+
				"\nauthor A 1 +051800\ncommitter A 1 +051800\n\nx"))
			f.commit("in a pack, after the clone")
			f.fetch()
			f.commit("in a file of its own, after a fetch")
			f.fetch()
			if why := f.mirror.Damage(t.Context()); why != "" {
				t.Fatalf("before: %s", why)
			}
			damage(t, f.mirror.Dir())
			if why := f.mirror.Damage(t.Context()); why == "" {
				t.Error("it is not found")
			}
			if err := f.mirror.Discard(); err != nil {
				t.Fatal(err)
			}
			f.fetch()
			if why := f.mirror.Damage(t.Context()); why != "" {
				t.Errorf("after another clone: %s", why)
			}
		})
	}
}

// only returns the one file that matches a pattern in the mirror.
func only(t *testing.T, mirror, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(mirror, pattern))
	if err != nil || len(list) != 1 {
		t.Fatalf("%s: %q, %v", pattern, list, err)
	}
	return list[0]
}

// looseAll returns the files of the objects that are in no pack.
func looseAll(t *testing.T, mirror string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(mirror, "objects/??/*"))
	if err != nil || len(list) < 2 {
		t.Fatalf("%q, %v", list, err)
	}
	slices.Sort(list)
	return list
}

func loose(t *testing.T, mirror string) string {
	t.Helper()
	return looseAll(t, mirror)[0]
}

// edit changes a file that git has written, which is read-only. It may be missing.
func edit(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	b, _ := os.ReadFile(file)
	remove(t, file)
	if err := os.WriteFile(file, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

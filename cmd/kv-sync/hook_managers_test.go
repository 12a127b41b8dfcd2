package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// recipe returns the code block of docs/hooks.md for a file. If several recipes are for one file,
// after is the text after its name.
func recipe(t *testing.T, file, after string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)`" + regexp.QuoteMeta(file+"`"+after) +
		"[^\n]*:\n\n```[a-z]+\n(.*?)```").FindStringSubmatch(documents(t)["docs/hooks.md"])
	if m == nil {
		t.Fatalf("docs/hooks.md has no recipe for %s", file)
	}
	return m[1]
}

// nodeManagers installs husky and lefthook.
func nodeManagers(t *testing.T) (modules string) {
	t.Helper()
	manifest, err := os.ReadFile("testdata/managers/package.json")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile("testdata/managers/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := platformtest.InstallPackages(t.Context(), manifest, lock)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "node_modules")
}

// preCommit installs pre-commit and returns its path.
func preCommit(t *testing.T) (path string) {
	t.Helper()
	pinned, err := os.ReadFile("testdata/managers/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	bin, err := platformtest.InstallPython(ctx, pinned)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, "pre-commit")
}

// Each recipe of docs/hooks.md works with the real tool.
func TestHookManagers(t *testing.T) {
	for name, tt := range map[string]struct {
		file, after string
		install     func(t *testing.T, f *forge)
	}{
		"husky": {".husky/pre-push", "", func(t *testing.T, f *forge) {
			f.must(f.work, "node", filepath.Join(nodeManagers(t), "husky", "bin.js"))
		}},
		"husky 4": {"package.json", "; it", func(t *testing.T, f *forge) {
			linkPackages(t, f)
			f.must(f.work, "node", filepath.Join(f.work, "node_modules", "husky4", "husky.js"), "install")
		}},
		"simple-git-hooks": {"package.json", ", then", func(t *testing.T, f *forge) {
			linkPackages(t, f)
			f.must(f.work, "node", filepath.Join(f.work, "node_modules", "simple-git-hooks", "cli.js"))
		}},
		"lefthook": {"lefthook.yml", "", func(t *testing.T, f *forge) {
			lefthook := filepath.Join(nodeManagers(t), ".bin", "lefthook")
			f.env = append(f.env, "LEFTHOOK_BIN="+lefthook)
			f.must(f.work, lefthook, "install")
		}},
		"pre-commit": {".pre-commit-config.yaml", "", func(t *testing.T, f *forge) {
			f.must(f.work, preCommit(t), "install", "--hook-type", "pre-push")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForge(t)
			f.env = append(f.env, f.account()...)
			// The tools pass the remote's name to the hook. The path has characters that shells interpret.
			bad := filepath.Join(filepath.Dir(f.bare), "it's a $HOME remote.git")
			if err := os.Rename(f.bare, bad); err != nil {
				t.Fatal(err)
			}
			f.must(f.work, "git", "remote", "set-url", "origin", bad)
			text := recipe(t, tt.file, tt.after)
			write(t, filepath.Join(f.work, filepath.FromSlash(tt.file)), text)
			f.commit("with the recipe")
			tt.install(t, f)
			push := func(want bool, args ...string) string {
				t.Helper()
				out, err := f.command(f.work, "git", append([]string{"push"}, args...)...).CombinedOutput()
				if (err == nil) != want {
					t.Errorf("git push %v: %v\n%s", args, err, out)
				}
				return string(out)
			}
			if out := push(true, "-u", "origin", "main"); !strings.Contains(out,
				"refs/heads/main: 1 to add, 0 to change, 0 to remove, ") {
				t.Errorf("the first push says\n%s", out)
			}
			f.commit("two")
			if out := push(true); !strings.Contains(out, "refs/heads/main: 1 to add,") {
				t.Errorf("the second push says\n%s", out)
			}
			f.commit("three")
			if out := push(true, "origin", "main:draft"); strings.Contains(out, "to add") {
				t.Errorf("a push of another branch says\n%s", out)
			}
			if out := push(true, "origin", ":draft"); strings.Contains(out, "standard input") {
				t.Errorf("a deletion says\n%s", out)
			}
			write(t, filepath.Join(f.work, "public", ".well-known", "id_rsa"), "-----BEGIN OPENSSH PRIVATE KEY-----\n")
			f.commit("with a key")
			if out := push(false, "origin", "main"); !strings.Contains(out, "id_rsa") {
				t.Errorf("a private key says\n%s", out)
			}
			f.must(f.work, "git", "reset", "-q", "--hard", "HEAD~1")

			// The recipe with another mode.
			write(t, filepath.Join(f.work, filepath.FromSlash(tt.file)),
				strings.Replace(text, "hook run", "hook run --pre-push deploy", 1))
			tt.install(t, f) // simple-git-hooks has the command in its hook
			head := f.commit("four")
			push(true, "origin", "main")
			if got := f.live(); got != head {
				t.Errorf("live is %q, want %s", got, head)
			}
		})
	}
}

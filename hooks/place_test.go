package hooks

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSameRepository(t *testing.T) {
	same := [][]string{
		{
			"git@github.com:me/blog.git", "git@github.com:me/blog", "ssh://git@github.com/me/blog.git",
			"ssh://git@GitHub.com:22/me/blog/",
			"https://github.com/me/blog", "https://me:secret@github.com/me/blog.git", "git://github.com/me/blog.git",
			"github.com:me/blog", "https://github.com/Me/Blog.git", "git@github.com:ME/blog",
		},
		{"/srv/git/blog.git", "file:///srv/git/blog.git", "/srv/git/blog", "/srv/git//blog.git/"},
		{"../blog.git", "../blog", "./../blog"},
		{`C:\git\blog.git`, "C:/git/blog"},
		{"ssh://git@example.com:2222/blog.git"}, {"ssh://git@example.com:22/blog.git", "git@example.com:blog.git"},
		{"https://example.com:8443/blog.git"},
		{"git@github.com:me/fork.git"},
		{"git@gitlab.com:me/blog.git"},
		{"https://github.com/me/blog2"}, {"/srv/git/Blog.git", "file:///srv/git/Blog"},
	}
	for i, a := range same {
		for j, b := range same {
			for _, x := range a {
				for _, y := range b {
					if got := sameRepository(x, y); got != (i == j) {
						t.Errorf("%s and %s: %v (%s, %s)", x, y, got, canonical(x), canonical(y))
					}
				}
			}
		}
	}
	if sameRepository("", "") || sameRepository("", ".") {
		t.Error("two empty remotes count as one repository")
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"git@github.com:me/blog.git", "ssh://git@h:22/x", "://", "a:b:c", "%zz://x/y", `C:\x`,
		"https://u:p@h/%2e%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s != "" && !sameRepository(s, s) {
			t.Errorf("%q does not match itself", s)
		}
		_ = Shown(s)
	})
}

func TestShownRemoteHasNoSecret(t *testing.T) {
	for in, want := range map[string]string{
		"https://me:secret@github.com/me/blog": "https://github.com/me/blog", "https://token@h": "https://h",
		"origin":                     "origin",
		"git@github.com:me/blog.git": "git@github.com:me/blog.git", "https://a@b@h/x@y": "https://h/x@y",
	} {
		if got := Shown(in); got != want {
			t.Errorf("%s is shown as %s", in, got)
		}
	}
}

// A former hook is in both places until the script replaces it: at every moment one of them
// runs.
func TestFormerHookStaysUntilItIsReplaced(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"file": func(path string) error { return os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755) },
		"again": func(path string) error {
			kept := filepath.Join(formerDir(filepath.Dir(path)), string(PrePushHook))
			if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
				return err
			}
			return os.Link(path, kept) // the state after a killed Install
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hooks", string(PrePushHook))
			if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			kept, err := keepFormer(path, PrePushHook)
			if err != nil || !sameEntry(path, kept) {
				t.Errorf("%s is not the hook: %v", kept, err)
			}
			if entries, err := os.ReadDir(filepath.Dir(kept)); err != nil || len(entries) != 1 {
				t.Errorf("the folder has %v, %v", entries, err)
			}
		})
	}
}

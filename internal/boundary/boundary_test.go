//go:build unix

package boundary_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// tree makes a folder with these files. A value that begins with "->" makes a symlink.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if len(text) > 2 && text[:2] == "->" {
			err = os.Symlink(text[2:], file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustNew(t *testing.T, top string) *boundary.Boundary {
	t.Helper()
	b, err := boundary.New(top)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Open opens only regular files that are inside the top and outside of git's folders.
func TestOpen(t *testing.T) {
	dir := tree(t, map[string]string{
		"top/a.txt": "a", "top/sub/b.txt": "b", "top/.git/config": "token", "top/vendor/.GIT/config": "token",
		"top/modules/store/config": "token", "outside/secret": "s", "top2/x": "x",
		"top/inside": "->sub/b.txt", "top/dir": "->sub", "top/abs": "->/proc/self/environ",
		"top/up":    "->../outside/secret",
		"top/updir": "->../outside", "top/git": "->.git", "top/gitfile": "->.git/config", "top/dev": "->/dev/zero",
		"top/nothing": "->../outside/absent", "top/loop": "->loop", "top/chain": "->up",
	})
	top := filepath.Join(dir, "top")
	if err := syscall.Mkfifo(filepath.Join(top, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := mustNew(t, top)
	if err := b.Hide(filepath.Join(top, "modules/store")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.txt": "a", "sub/b.txt": "b", "inside": "b", "dir/b.txt": "b",
		"sub/../a.txt": "a"} {
		if got, err := b.ReadFile(filepath.Join(top, name), 10); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{
		"abs", "up", "updir/secret", "git/config", "gitfile", ".git/config", "vendor/.GIT/config",
		"modules/store/config", "dev", "nothing",
		"chain", "../outside/secret", "../top2/x", "/proc/self/environ", "/dev/stdin", "/etc/hostname",
	} {
		path := name
		if !filepath.IsAbs(name) {
			path = filepath.Join(top, name)
		}
		f, err := b.Open(path)
		if outside := (*boundary.Error)(nil); !errors.As(err, &outside) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
		if b.Inside(path) {
			t.Errorf("%s is inside", name)
		}
	}
	for _, name := range []string{"fifo", "sub"} {
		if _, err := b.Open(filepath.Join(top, name)); !errors.Is(err, boundary.ErrIrregular) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.Open(filepath.Join(top, "loop")); err == nil {
		t.Error("a loop was opened")
	}
	for _, name := range []string{"absent", "absent/below", "a.txt/below"} {
		if _, err := b.Open(filepath.Join(top, name)); err == nil ||
			name != "a.txt/below" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.ReadFile(filepath.Join(top, "a.txt"), 0); err == nil {
		t.Error("a file of more bytes than the limit was read")
	}
}

// Allow accepts a path outside of the top, but not one that leaves the top through a symlink
// of the repository.
func TestAllow(t *testing.T) {
	dir := tree(t, map[string]string{
		"top/a": "a", "top/.git/config": "token", "top/link": "->../outside", "outside/x": "x",
		"outside/.git/config": "token", "other/y": "y",
		"alias": "->top", "file": "f", "elsewhere": "->outside",
	})
	top := filepath.Join(dir, "top")
	for _, c := range []struct {
		allow, open string
		ok          bool
	}{
		{"outside", "outside/x", true},
		{"outside", "top/link/x", true}, // link is a symlink to the allowed folder
		{"outside", "other/y", false},
		{"outside", "outside/.git/config", false},
		{"outside/.git", "outside/.git/config", false},
		{"elsewhere", "outside/x", true},
		{"file", "file", true},
		{"top/link", "outside/x", false},
		{"alias/link", "outside/x", false},
		{"top/.git", "top/.git/config", false},
		{"alias", "alias/a", true},
		{"absent", "other/y", false},
	} {
		b := mustNew(t, top)
		if err := b.Allow(filepath.Join(dir, c.allow)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Open(filepath.Join(dir, c.open)); (err == nil) != c.ok {
			t.Errorf("allow %s, open %s: %v", c.allow, c.open, err)
		}
	}
}

func TestFind(t *testing.T) {
	dir := tree(
		t,
		map[string]string{
			"top/.git/HEAD":   "",
			"top/apps/site/x": "",
			"top/sub/.git":    "gitdir: ../.git/modules/sub",
			"top/sub/y":       "",
			"plain/z":         "",
			"link":            "->top/apps/site",
		},
	)
	for name, want := range map[string]string{"top": "top", "top/apps/site": "top", "top/sub": "top/sub",
		"plain": "plain", "link": "top", "top/apps/absent": "top"} {
		if got, err := boundary.Find(filepath.Join(dir, name)); err != nil || got != filepath.Join(dir, want) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// Open never reads through a symlink that replaces a folder or a file at the same time.
func TestOpenDuringReplacement(t *testing.T) {
	dir := tree(t, map[string]string{
		"top/a/config": "public", "top/.git/config": "token", "top/f": "public", "outside/config": "token",
	})
	top := filepath.Join(dir, "top")
	b := mustNew(t, top)
	stop, done := make(chan struct{}), make(chan struct{})
	swap := func(name, target string) {
		at, aside, link := filepath.Join(top, name), filepath.Join(top, name+".aside"), filepath.Join(top, name+".link")
		_ = os.Symlink(target, link)
		_, _ = os.Rename(at, aside), os.Rename(link, at)
		_, _ = os.Rename(at, link), os.Rename(aside, at)
	}
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				swap("a", ".git")
				swap("f", filepath.Join(dir, "outside/config"))
			}
		}
	}()
	for range 4_000 {
		for _, name := range []string{"a/config", "f"} {
			if got, err := b.ReadFile(filepath.Join(top, name), 10); err == nil && string(got) != "public" {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	close(stop)
	<-done
}

// OpenRoot never returns the target of a symlink that replaces the folder at the same time.
func TestOpenRootDuringReplacement(t *testing.T) {
	dir := tree(t, map[string]string{"top/a/file": "public", "top/.git/file": "token"})
	top := filepath.Join(dir, "top")
	b := mustNew(t, top)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		at, aside, link := filepath.Join(top, "a"), filepath.Join(top, "aside"), filepath.Join(top, "link")
		for {
			select {
			case <-stop:
				return
			default:
				_ = os.Symlink(".git", link)
				_, _ = os.Rename(at, aside), os.Rename(link, at)
				_, _ = os.Rename(at, link), os.Rename(aside, at)
			}
		}
	}()
	for range 4_000 {
		root, err := b.OpenRoot(filepath.Join(top, "a"))
		if err != nil {
			continue
		}
		if got, err := root.ReadFile("file"); string(got) != "public" {
			t.Errorf("%q, %v", got, err)
		}
		_ = root.Close()
	}
	close(stop)
	<-done
}

// If the top is "/", files of /proc, /dev and /sys are still not inside.
func TestTopIsTheRoot(t *testing.T) {
	b := mustNew(t, "/")
	for _, name := range []string{"/proc/self/environ", "/dev/zero", "/sys/kernel"} {
		if b.Inside(name) {
			t.Errorf("%s is inside", name)
		}
	}
	file := filepath.Join(tree(t, map[string]string{"a": "a"}), "a")
	if !b.Inside(file) {
		t.Errorf("%s is not inside", file)
	}
}

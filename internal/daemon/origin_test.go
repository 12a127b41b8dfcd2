package daemon_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// origin is a bare repository and a clone that pushes to it, with real git.
type origin struct {
	t         *testing.T
	bare, dir string
	n         int
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	base := t.TempDir()
	o := &origin{t: t, bare: filepath.Join(base, "site.git"), dir: filepath.Join(base, "work")}
	o.git(base, "init", "-q", "--bare", "-b", "main", o.bare)
	o.git(base, "init", "-q", "-b", "main", o.dir)
	return o
}

func (o *origin) git(dir string, args ...string) string {
	o.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TEMPLATE_DIR=",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=a@b")
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func fill(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// commit makes a commit with a page of its own, and returns its id.
func (o *origin) commit(files map[string]string) string {
	o.t.Helper()
	o.n++
	fill(o.t, o.dir, map[string]string{"public/index.html": fmt.Sprint("page ", o.n)})
	fill(o.t, o.dir, files)
	o.git(o.dir, "add", "-A")
	o.git(o.dir, "commit", "-q", "-m", fmt.Sprint("change ", o.n))
	return o.git(o.dir, "rev-parse", "HEAD")
}

// push commits and pushes.
func (o *origin) push(files map[string]string) string {
	o.t.Helper()
	id := o.commit(files)
	o.git(o.dir, "push", "-q", "--force", o.bare, "HEAD:refs/heads/main")
	return id
}

// down makes the origin unreachable, and up undoes that.
func (o *origin) down() { o.move(o.bare, o.bare+".gone") }
func (o *origin) up()   { o.move(o.bare+".gone", o.bare) }

func (o *origin) move(from, to string) {
	o.t.Helper()
	if err := os.Rename(from, to); err != nil {
		o.t.Fatal(err)
	}
}

// importStream makes many commits at once, and writes their ids to marks.
func importStream(t *testing.T, dir, stream, marks string) {
	t.Helper()
	cmd := exec.Command("git", "fast-import", "--quiet", "--force", "--export-marks="+marks)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stream)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, out)
	}
}

package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The boundary is the one of the inputs. Without one it is the root of the work tree if that
// tracks the project, otherwise the project's folder.
func TestInside(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git := func(dir string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	for _, file := range []string{"mono/apps/site/x", "mono/packages/lib/x", "home/.profile", "home/proj/x",
		"plain/site/x", "served/apps/x"} {
		at := filepath.Join(base, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"mono", "home"} {
		git(filepath.Join(base, dir), "init", "-q")
	}
	git(filepath.Join(base, "mono"), "add", "apps")
	git(filepath.Join(base, "home"), "add", ".profile")
	git(base, "init", "-q", "--bare", filepath.Join(base, "mono/bare.git"))
	if err := os.Symlink(filepath.Join(base, "mono/apps/site"), filepath.Join(base, "way")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in     Inputs
		shared string
		env    map[string]string
		want   string
	}{
		"a monorepo's project":       {in: Inputs{Root: "mono/apps/site"}, want: "mono"},
		"through a symlink":          {in: Inputs{Root: "way"}, want: "mono"},
		"a home that is a work tree": {in: Inputs{Root: "home/proj"}, want: "home/proj"},
		"the root of a work tree":    {in: Inputs{Root: "home"}, want: "home"},
		"no git":                     {in: Inputs{Root: "plain/site"}, want: "plain/site"},
		"a bare repository":          {in: Inputs{Root: "mono/bare.git", Commit: "HEAD"}, want: "mono/bare.git"},
		"a project of several":       {in: Inputs{Root: "plain/site/projects/a"}, shared: "plain/site", want: "plain/site"},
		"given by the inputs":        {in: Inputs{Root: "mono/apps/site", Boundary: "mono/apps"}, want: "mono/apps"},
		"GIT_WORK_TREE": {in: Inputs{Root: "served/apps"}, env: map[string]string{"GIT_WORK_TREE": "served"},
			want: "served"},
		"GIT_WORK_TREE of another": {in: Inputs{Root: "plain/site"}, env: map[string]string{"GIT_WORK_TREE": "served"},
			want: "plain/site"},
	} {
		under := func(name string) string {
			if name == "" {
				return ""
			}
			return filepath.Join(base, name)
		}
		in := c.in
		in.Root, in.Boundary = under(in.Root), under(in.Boundary)
		in.Getenv = func(name string) string { return under(c.env[name]) }
		b, err := in.inside(t.Context(), under(c.shared))
		if err != nil || b.Top() != under(c.want) {
			t.Errorf("%s: %v, %v", name, b.Top(), err)
			continue
		}
		if b.Inside(filepath.Join(base, "mono/.git/config")) || name == "a bare repository" &&
			b.Inside(under("mono/bare.git/config")) {
			t.Errorf("%s: git's own files are inside", name)
		}
	}
}

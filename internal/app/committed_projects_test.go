package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// The projects of a commit are read from the commit, not from the disk: in a bare repository, in
// a mirror with an empty folder as its work tree, and in a work tree with other projects. The
// site beside the folder projects/ is no project.
func TestProjectsOfACommit(t *testing.T) {
	isolateGit(t)
	f := platformtest.Start(t)
	o := newRepo(t)
	o.write("public/index.html", "the site beside")
	o.write("projects/one/public/index.html", "one")
	o.write("projects/one/src/index.js", "export default { fetch: () => new Response(\"code of one\") }")
	o.write("projects/one/kv-sync.toml", "worker = \"src/index.js\"\n")
	o.write("projects/two/public/index.html", "two")
	o.commit("projects")
	o.git("clone", "-q", "--bare", o.dir, "../bare.git")
	empty := t.TempDir()
	gone := o.copied(t)
	gone.remove("projects")
	gone.write("projects/three/public/index.html", "not committed")
	for name, tt := range map[string]struct {
		root string
		env  map[string]string
	}{
		"bare":             {root: o.path("../bare.git")},
		"mirror":           {root: empty, env: map[string]string{"GIT_DIR": o.path("../bare.git"), "GIT_WORK_TREE": empty}},
		"work tree":        {root: gone.dir},
		"deeper in a tree": {root: filepath.Join(gone.dir, "projects", "..")},
	} {
		t.Run(name, func(t *testing.T) {
			in := inputsOf(t, tt.root, "", f)
			in.Getenv = func(name string) string { return tt.env[name] }
			in.Commit = "main"
			if ids, err := app.Projects(t.Context(), in); err != nil || !slices.Equal(ids, []string{"one", "two"}) {
				t.Errorf("the projects are %q, %v", ids, err)
			}
			for _, id := range []string{"one", "two"} {
				in.Project = id
				plan, err := open(t, in).Plan(t.Context(), plan.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if plan.Origin.Dir != "projects/"+id+"/public" || len(plan.Added) != 1 {
					t.Errorf("the plan of %s has the folder %s and %d files", id, plan.Origin.Dir, len(plan.Added))
				}
			}
			in.Project = "three"
			if _, err := app.Open(t.Context(), in); err == nil || !strings.Contains(err.Error(), "projects/three") {
				t.Errorf("a project that is not in the commit: %v", err)
			}
			in.Project, in.Commit = "one", "no-such"
			if _, err := app.Open(t.Context(), in); err == nil || !strings.Contains(err.Error(), "no-such") {
				t.Errorf("a missing commit: %v", err)
			}
		})
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("the empty folder has %v, %v", entries, err)
	}
}

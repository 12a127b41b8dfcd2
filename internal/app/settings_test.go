package app_test

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// A commit and a folder as the source exclude each other. Otherwise the files of the folder would
// be recorded as those of the commit.
func TestCommitAndFolderExcludeEachOther(t *testing.T) {
	isolateGit(t)
	r := newRepo(t)
	r.write("public/index.html", "committed")
	r.commit("one")
	r.write("public/index.html", "changed")
	for name, change := range map[string]func(*app.Inputs){
		"the folder as the source": func(in *app.Inputs) { in.Source = "folder" },
		"a folder that was built":  func(in *app.Inputs) { in.BuiltFrom = "HEAD" },
	} {
		in := inputsOf(t, r.dir, "tides", platformtest.Start(t))
		in.Commit = "HEAD"
		change(&in)
		_, err := app.Open(t.Context(), in)
		if f := app.Explain(advice.Terminal, err); f == nil || f.Kind != app.KindUsage ||
			!strings.Contains(f.Message, "commit") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package source

import (
	"errors"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Both sources read the list of pulled edits and do not publish it. A change of the list changes
// the source's ID. So a deploy is not skipped if a conflict was resolved in favour of git, which
// changes only the list.
func TestPulled(t *testing.T) {
	t.Parallel()
	w := gittest.Site(t)
	writes := map[string]manifest.Nonce{"/index.html": {1, 2, 3}, "/a b.html": {4}}
	note := manifest.FormatPulled(manifest.Pulled{Writes: writes})
	first := map[string]string{}
	for _, text := range []string{"", string(note)} {
		if text != "" {
			w.Write("public/"+manifest.PulledName, text).Write("public/.assetsignore", "*.map\n!.*\n.hidden\n")
		}
		w.Commit("pulled " + text)
		commit, folder := openCommit(w, Options{Dir: "public"}), openFolder(w, Options{Dir: "public"})
		for kind, s := range map[string]manifest.Source{"commit": commit, "folder": folder} {
			l := sourcetest.List(t, s, &manifest.Manifest{})
			if text == "" {
				first[kind] = l.Origin.ID
				if l.Pulled != nil {
					t.Errorf("%s: without a list: %v", kind, l.Pulled)
				}
				continue
			}
			if len(l.Pulled) != 2 || l.Pulled["/index.html"] != (manifest.Nonce{1, 2, 3}) ||
				l.Pulled["/a b.html"] != (manifest.Nonce{4}) {
				t.Errorf("%s: pulled edits %v", kind, l.Pulled)
			}
			if l.Origin.ID == first[kind] {
				t.Errorf("%s: the list did not change the source's ID", kind)
			}
			for _, f := range l.Files {
				if f.Path == "/"+manifest.PulledName {
					t.Errorf("%s: the list is published", kind)
				}
			}
		}
	}

	w.Write("public/"+manifest.PulledName, "# a merge went wrong\n<<<<<<< HEAD\n0102030000000000 /index.html\n")
	var refused *manifest.RefusedError
	if _, err := openFolder(w, Options{Dir: "public"}).Files(t.Context(), nil); !errors.As(err, &refused) ||
		refused.Problems[0].Line != 2 {
		t.Errorf("a damaged list: %v", err)
	}
}

package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/internal/config/wrangler"
)

// testdata/sections.txt lists wrangler files and their errors and notices. It covers every
// section.
func TestSectionMessages(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/sections.txt")
	if err != nil {
		t.Fatal(err)
	}
	const undated = `the file has no "compatibility_date"` // TestNoticed covers this notice
	covered := map[string]bool{}
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		file, want, _ := strings.Cut(block, "\n")
		root := project(t, siteFiles(wranglerJSON(file)))
		_, refused, noticed := reported(t, Inputs{Root: root, Flags: map[string]string{"name": "x", "directory": "public"}})
		got := []string{}
		for _, message := range append(refused, noticed...) {
			if message = strings.TrimPrefix(message, "wrangler.json:1: "); !strings.HasPrefix(message, undated) {
				got = append(got, "  "+message)
			}
		}
		if d := cmp.Diff(want, strings.Join(got, "\n")); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
		top, err := tree.Parse("wrangler.json", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range top.Names {
			covered[name] = true
		}
	}
	for _, name := range wrangler.Sections() {
		if !covered[name] {
			t.Errorf("sections.txt has no file with %s", name)
		}
	}
}

// "route" or "routes" of an environment replaces both keys of the top level. A section that is
// allowed only at the top level is refused in an environment.
func TestSectionsOfAnEnvironment(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		`{"name": "a", "routes": ["a/*"], "env": {"e": {"route": "b/*"}}}`: "1: env.e.route is not applied: " +
			"kv-sync never changes routes and domains; change it with wrangler or in the dashboard",
		`{"name": "a", "env": {"e": {"alias": {}}}}`: "1: env.e.alias is allowed at the top level only; move it there",
		`{"name": "a", "env": {"e": {"mian": "x"}}}`: `1: env.e.mian is not understood; did you mean "main"?`,
		`{"name": "a", "env": {"e": {"name": "b"}}}`: "",
	} {
		_, refused, noticed := reported(t, Inputs{
			Root: project(t, siteFiles(wranglerJSON(file))), Flags: map[string]string{"env": "e"},
		})
		if want != "" {
			want = "[wrangler.json:" + want + "]"
		} else {
			want = "[]"
		}
		if got := fmt.Sprint(append(refused, noticed...)); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

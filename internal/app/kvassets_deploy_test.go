package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Without BuildOutput a site that has to be built is refused before anything is sent. With it the
// build runs and prints there.
func TestBuildNeedsBuildOutput(t *testing.T) {
	f := platformtest.Start(t)
	root := project(t)
	for name, text := range map[string]string{
		"kv-sync.toml":   "layout = \"kv-assets\"\nbuild = \"sh build.sh\"\n",
		"wrangler.jsonc": `{ "main": "build/index.mjs", "compatibility_date": "2026-05-06" }`,
		"build.sh": "echo building\nmkdir -p build\ncp data/assets.bin build/\necho 'import a from " +
			"\"./assets.bin\"; export default { fetch: () => new Response(a) }' >build/index.mjs\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := inputs(root, f)
	in.Name = "tides"
	_, err := open(t, in).Deploy(t.Context(), plan.Options{})
	if e := app.Explain(advice.Terminal, err); e == nil || e.Kind != app.KindUsage ||
		!strings.Contains(e.Message, "kv-sync.toml:2") {
		t.Errorf("%v", err)
	}
	if n := len(f.Server.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
	var out bytes.Buffer
	in.BuildOutput = &out
	res, err := open(t, in).Deploy(t.Context(), plan.Options{})
	if err != nil || !res.Switched || out.String() != "building\n" {
		t.Errorf("%+v, %v, %q", res, err, out.String())
	}

	// Errors of the code are found after the upload, so the message does not say that nothing was sent.
	if err := os.WriteFile(filepath.Join(root, "build.sh"),
		[]byte("echo 'import \"./gone.js\"; export default {}' >build/index.mjs"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = open(t, in).Deploy(t.Context(), plan.Options{})
	if e := app.Explain(advice.Terminal, err); e == nil || e.Kind != app.KindRefused || len(e.Problems) != 1 ||
		strings.Contains(e.Message+e.Fix, "nothing was sent") || !strings.Contains(e.Fix, "still live") {
		t.Errorf("%+v, %v", e, err)
	}
}

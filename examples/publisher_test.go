package examples

import (
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// A browser uses the editor of the site that the demo starts. Screenshots are in
// artefacts/.
func TestPublisher(t *testing.T) {
	browser, err := platformtest.InstallBrowser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	screenshots, err := filepath.Abs("../artefacts")
	if err != nil {
		t.Fatal(err)
	}
	runScript(t, "publisher/start.sh", []string{"node", "--test", "publisher/test/editor.test.mjs"},
		"PACKAGES="+browser.Packages, "SCREENSHOTS="+screenshots, "CHROMIUM="+browser.Chromium, "HOME="+t.TempDir())
}

package examples

import (
	"context"
	_ "embed" // the pinned packages
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

//go:embed publisher/test/package.json
var browserPackage []byte

//go:embed publisher/test/package-lock.json
var browserLock []byte

// The editor is used in a browser, against the site that the demo starts. What
// it looks like is kept in artefacts/.
func TestPublisher(t *testing.T) {
	packages, err := platformtest.InstallPackages(t.Context(), browserPackage, browserLock)
	if err != nil {
		t.Fatal(err)
	}
	installing, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	found := exec.CommandContext(installing, "bash", "publisher/test/chromium.sh")
	found.Stderr = os.Stderr
	chromium, err := found.Output()
	if err != nil {
		t.Fatalf("find Chromium: %v", err)
	}
	screenshots, err := filepath.Abs("../artefacts")
	if err != nil {
		t.Fatal(err)
	}
	runScript(t, "publisher/start.sh", []string{"node", "--test", "publisher/test/editor.test.mjs"},
		"PACKAGES="+packages, "SCREENSHOTS="+screenshots, "CHROMIUM="+strings.TrimSpace(string(chromium)), "HOME="+t.TempDir())
}

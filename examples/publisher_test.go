package examples

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/browsertest"
)

// The demo starts the site, and a test tests its editor in a browser. The test writes screenshots
// into artefacts/.
func TestPublisher(t *testing.T) {
	runScript(t, "publisher/start.sh", []string{"node", "--test", "publisher/test/editor.test.mjs"},
		browsertest.Environ(t)...)
}

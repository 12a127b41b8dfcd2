package examples

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/browsertest"
)

// The editor is tested in a browser, on the site that the demo starts. Screenshots are
// in artefacts/.
func TestPublisher(t *testing.T) {
	runScript(t, "publisher/start.sh", []string{"node", "--test", "publisher/test/editor.test.mjs"},
		browsertest.Environ(t)...)
}

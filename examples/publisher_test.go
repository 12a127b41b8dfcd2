package examples

import (
	"testing"

	"github.com/kv-sync/kv-sync/internal/browsertest"
)

// start.sh starts the site and runs editor.test.mjs, which uses the editor in a browser. That test
// writes screenshots into artefacts/.
func TestPublisher(t *testing.T) {
	runScript(t, "publisher/start.sh", []string{"node", "--test", "publisher/test/editor.test.mjs"},
		browsertest.Environ(t)...)
}

package rules

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The Worker library reads the same file. Its tests write the vector file.
func TestContentTypeVector(t *testing.T) {
	raw, err := os.ReadFile("../../../testdata/project/content-types.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for ext := range contentTypes() {
		got[ext] = ContentType("/a." + ext)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("types by extension (-TypeScript +Go); run npm run vectors in worker/:\n%s", d)
	}
}

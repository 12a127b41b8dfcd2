package rules

import (
	"encoding/json"
	"os"
	"testing"
)

// The Worker library refuses the same contents. Its tests write the vector file.
func TestContentsVector(t *testing.T) {
	raw, err := os.ReadFile("../../../testdata/project/contents.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Content []byte
		Reason  string
	}
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors) < 30 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		got := ""
		if len(v.Content) <= InspectBytes {
			got = checkContent(v.Content).Reason
		}
		if got != v.Reason {
			t.Errorf("%.200q: %q in Go, %q in TypeScript; change both, and run npm run vectors in worker/",
				v.Content, got, v.Reason)
		}
	}
}

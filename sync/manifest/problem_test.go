package manifest_test

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A file with several problems counts as one refused file.
func TestRefusedFilesAreCountedOnce(t *testing.T) {
	err := &manifest.RefusedError{Problems: []manifest.Problem{
		{Path: "_headers", Line: 2, Reason: "bad"}, {Path: "_headers", Line: 5, Reason: "bad"},
	}}
	if got := err.Error(); !strings.HasPrefix(got, "1 file refused, ") || strings.Count(got, "_headers:") != 2 {
		t.Error(got)
	}
	err.Problems = append(err.Problems, manifest.Problem{Path: "key.pem", Reason: "bad"})
	if got := err.Error(); !strings.HasPrefix(got, "2 files refused, ") {
		t.Error(got)
	}
}

package rules

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

func TestLargestFile(t *testing.T) {
	t.Parallel()
	if p := CheckFile("x", "/x", 4<<30-1, false); p != (Problem{}) {
		t.Errorf("a byte less than 4 GiB is refused: %v", p)
	}
	if p := CheckFile("x", "/x", 4<<30, false); !strings.Contains(p.Reason, "4.0 GiB") ||
		!strings.Contains(p.Fix, "R2") {
		t.Errorf("4 GiB: %v", p)
	}
}

// A cancellation stops the hashing of a large file.
func TestLargeFileIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	endless := &endlessReader{cancel: cancel}
	_, _, err := Digest(ctx, endless, manifest.MaxFileBytes, true)
	if !errors.Is(err, context.Canceled) || endless.reads > 10 {
		t.Errorf("%d reads, %v", endless.reads, err)
	}
}

// endlessReader counts its reads, and calls cancel at the third one.
type endlessReader struct {
	reads  int
	cancel func()
}

func (r *endlessReader) Read(p []byte) (int, error) {
	if r.reads++; r.reads == 3 {
		r.cancel()
	}
	return len(p), nil
}

package term

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

func TestTimeLeft(t *testing.T) {
	for want, got := range map[string]string{
		"":                  left(10*time.Second, 0, 100),
		", 30 s left":       left(10*time.Second, 25, 100),
		", 1 min 30 s left": left(10*time.Second, 10, 100),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := left(10*time.Second, 100, 100) + left(time.Millisecond, 1, 100); got != "" {
		t.Errorf("got %q", got)
	}
}

// Without a terminal, the console writes no bar and no escape sequence.
func TestPlainProgress(t *testing.T) {
	var out, err bytes.Buffer
	c := New(&out, &err, noVariable)
	c.Progress(site.Progress{Stage: site.StagePlan, Plan: &plan.Plan{Site: "tides", Blobs: 2, Bytes: 10,
		Added: changes(2, "a")}})
	c.reported = time.Now().Add(-time.Minute)
	c.Progress(site.Progress{Stage: site.StageUpload, Files: 1, TotalFiles: 2, Bytes: 4, TotalBytes: 10})
	c.Progress(site.Progress{Stage: site.StageUpload, Files: 2, TotalFiles: 2, Bytes: 10, TotalBytes: 10})
	c.Progress(site.Progress{Stage: site.StageSwitch, Note: "another deployment switched meanwhile"})
	c.Close()
	want := "uploading: 1 of 2 values, 4 B of 10 B\nanother deployment switched meanwhile\n"
	if err.String() != want || !strings.Contains(out.String(), "Plan: 2 to add") ||
		strings.Contains(out.String(), "\x1b") {
		t.Errorf("err %q, out %q", err.String(), out.String())
	}
}

// A note is printed above the bar. The bar disappears at the end.
func TestBars(t *testing.T) {
	var out, err bytes.Buffer
	c := New(&out, &err, noVariable)
	c.bars = true
	c.Progress(site.Progress{Stage: site.StagePlan, Plan: &plan.Plan{Site: "tides", Blobs: 100, Bytes: 1000}})
	c.Progress(site.Progress{Stage: site.StageUpload, Files: 50, TotalFiles: 100, Bytes: 500, TotalBytes: 1000})
	c.Say("a note")
	c.Progress(site.Progress{Stage: site.StageUpload, Files: 100, TotalFiles: 100, Bytes: 1000, TotalBytes: 1000})
	c.Progress(site.Progress{Stage: site.StageUpload, Files: 1, TotalFiles: 2, Bytes: 10, TotalBytes: 20})
	c.Close()
	if c.progress != nil || !strings.Contains(err.String(), "a note\n") {
		t.Errorf("err %q", err.String())
	}
	c.Say("after")
	if !strings.HasSuffix(err.String(), "after\n") {
		t.Errorf("err %q", err.String())
	}
}

// The output of another program is printed unchanged, after the bar was removed.
func TestThrough(t *testing.T) {
	var out, err bytes.Buffer
	c := New(&out, &err, noVariable)
	c.bars = true
	c.Progress(site.Progress{Stage: site.StageUpload, Files: 1, TotalFiles: 10, Bytes: 1, TotalBytes: 10})
	if n, werr := c.Through().Write([]byte("\x1b[1mbuilt")); n != 9 || werr != nil || c.progress != nil {
		t.Errorf("wrote %d bytes: %v", n, werr)
	}
	if !strings.HasSuffix(err.String(), "\x1b[1mbuilt") || out.Len() > 0 {
		t.Errorf("err %q, out %q", err.String(), out.String())
	}
}

func TestIsTerminal(t *testing.T) {
	for _, stream := range []any{nil, &bytes.Buffer{}} {
		if IsTerminal(stream) {
			t.Errorf("%T is a terminal", stream)
		}
	}
}

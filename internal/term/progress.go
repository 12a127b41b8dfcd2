package term

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/site"
)

// lineInterval is the time between two plain lines about the progress.
const lineInterval = 5 * time.Second

// Progress shows one step of a run: first the plan, then the progress of the upload.
func (c *Console) Progress(p site.Progress) {
	if p.Plan != nil {
		c.Plan(p.Plan)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.reported = time.Now()
		if !p.Plan.NoChange && p.Plan.Blobs > 0 {
			c.draw(0, p.Plan.Bytes, 0, p.Plan.Blobs)
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Note != "" {
		c.sayLocked(Lines(p.Note))
	}
	if p.Stage == site.StageUpload && p.TotalFiles > 0 {
		c.draw(p.Bytes, p.TotalBytes, p.Files, p.TotalFiles)
	}
}

// draw updates the bar, or without a terminal prints a line every lineInterval. The manifest and
// the record are uploaded last, as two values of their own; the bar ignores them, so that it does
// not go back.
func (c *Console) draw(bytes, totalBytes int64, files, totalFiles int) {
	if !c.bars {
		if now := time.Now(); now.Sub(c.reported) >= lineInterval {
			c.reported = now
			fmt.Fprintf(c.err, "uploading: %s of %s, %s of %s\n", humanize.Number(files), humanize.Count(totalFiles, "value"),
				humanize.Bytes(bytes), humanize.Bytes(totalBytes))
		}
		return
	}
	if c.progress == nil {
		c.startBar(totalBytes)
	} else if totalFiles <= 2 && totalBytes < c.total {
		return
	}
	c.total = totalBytes
	c.bar.SetTotal(totalBytes, false)
	c.bar.SetCurrent(bytes)
}

func (c *Console) startBar(total int64) {
	began := time.Now()
	c.progress = mpb.New(mpb.WithOutput(c.err), mpb.WithWidth(40), mpb.WithRefreshRate(100*time.Millisecond),
		mpb.WithAutoRefresh())
	c.bar = c.progress.New(total, mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─"),
		mpb.PrependDecorators(decor.Name("  uploading ")),
		mpb.AppendDecorators(
			decor.Any(func(s decor.Statistics) string {
				return fmt.Sprintf(" %s of %s%s", humanize.Bytes(s.Current), humanize.Bytes(s.Total),
					left(time.Since(began), s.Current, s.Total))
			}),
		),
		mpb.BarRemoveOnComplete(),
	)
}

// left estimates the remaining time. It returns "" in the first second, because an estimate
// would be too inaccurate, and at the end.
func left(spent time.Duration, done, total int64) string {
	if done <= 0 || done >= total || spent < time.Second {
		return ""
	}
	rest := time.Duration(float64(spent) * float64(total-done) / float64(done))
	return fmt.Sprintf(", %s left", humanize.Seconds(rest.Round(time.Second)))
}

// stopBar removes the bar from the screen.
func (c *Console) stopBar() {
	if c.progress == nil {
		return
	}
	c.bar.Abort(true)
	c.progress.Wait()
	c.progress, c.bar = nil, nil
	_, _ = io.WriteString(c.err, "\r\x1b[K")
}

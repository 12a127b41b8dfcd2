package term

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Log records are printed as sentences.
func TestLog(t *testing.T) {
	for _, c := range []struct {
		name    string
		verbose bool
		log     func(*slog.Logger)
		want    string
	}{
		{"an error", false, func(l *slog.Logger) {
			l.Warn("read the version: 503; trying again in 1.5 s", slog.String("error", "PUT /x: 503\x1b[2J"))
		}, "read the version: 503; trying again in 1.5 s: PUT /x: 503\\x1b[2J\n"},
		{"attributes", false, func(l *slog.Logger) {
			l.Info("few requests are left: slowing down", slog.Int64("left", 3), slog.Duration("for", 20*time.Second))
		}, "few requests are left: slowing down (left 3, for 20 s)\n"},
		{"attributes of the logger", false, func(l *slog.Logger) {
			l.With("site", "tides").WithGroup("g").Info("done", "n", 1)
		}, "done (site tides, n 1)\n"},
		{"a choice", false, func(l *slog.Logger) { l.Debug("source is the folder") }, ""},
		{"a choice, verbose", true, func(l *slog.Logger) { l.Debug("source is the folder") }, "source is the folder\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, err bytes.Buffer
			c.log(New(&out, &err, noVariable).Log(c.verbose))
			if d := cmp.Diff(c.want, err.String()); d != "" || out.Len() > 0 {
				t.Errorf("%s%s", d, out.String())
			}
		})
	}
}

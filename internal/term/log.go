package term

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Log returns a logger that prints records as sentences: retries and waits, and with
// verbose also choices.
func (c *Console) Log(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(&handler{console: c, level: level})
}

// handler prints records as sentences.
type handler struct {
	console *Console
	level   slog.Level
	attrs   []slog.Attr
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *handler) WithAttrs(a []slog.Attr) slog.Handler {
	return &handler{h.console, h.level, append(h.attrs[:len(h.attrs):len(h.attrs)], a...)}
}

// WithGroup ignores groups, which keeps the names short.
func (h *handler) WithGroup(string) slog.Handler { return h }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	attrs := h.attrs[:len(h.attrs):len(h.attrs)]
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	h.console.Say("%s", sentence(r.Message, attrs))
	return nil
}

// sentence is a message with its error after a colon and its attributes in brackets.
func sentence(message string, attrs []slog.Attr) string {
	named := map[string]slog.Value{}
	for _, a := range attrs {
		named[a.Key] = a.Value.Resolve()
	}
	var b strings.Builder
	b.WriteString(message)
	if err, ok := named["error"]; ok {
		fmt.Fprintf(&b, ": %v", err)
	}
	var rest []string
	for _, a := range attrs {
		if a.Key == "error" {
			continue
		}
		v := named[a.Key]
		if v.Kind() == slog.KindDuration {
			rest = append(rest, a.Key+" "+humanize.Seconds(v.Duration().Round(time.Millisecond)))
		} else {
			rest = append(rest, fmt.Sprintf("%s %v", a.Key, v))
		}
	}
	if len(rest) > 0 {
		b.WriteString(" (" + strings.Join(rest, ", ") + ")")
	}
	return b.String()
}

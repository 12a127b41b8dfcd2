package admin

import (
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Limits of untrusted texts, in characters.
const (
	maxSubject = 120
	maxName    = 60
	maxProblem = 4000
)

// visible makes every character of an untrusted line visible and limits its length.
func visible(s string, most int) string {
	// Avoid work for text that is cut off anyway.
	if len(s) > 8*most {
		s = s[:8*most]
	}
	return cut(term.Visible(s), most)
}

// visibleLines does the same as visible for a text with several lines.
func visibleLines(s string) string {
	if len(s) > 8*maxProblem {
		s = s[:8*maxProblem]
	}
	return cut(term.Lines(s), maxProblem)
}

// visibleAll does the same as visible for each text of a list.
func visibleAll(list []string) (out []string) {
	for _, s := range list {
		out = append(out, visible(s, maxProblem))
	}
	return out
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return visible(first, maxSubject)
}

// cut limits s to a number of characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// short returns a commit's short id.
func short(commit string) string { return visible(commit[:min(len(commit), 12)], 12) }

// moment is a time in the forms that a page needs. Length is the time from then until now.
type moment struct{ Exact, Full, Ago, Length string }

// at returns t relative to now. The zero time gives the zero moment.
func at(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.UTC()
	full := t.Format("2 Jan, 15:04 UTC")
	if t.Year() != now.UTC().Year() {
		full = t.Format("2 Jan 2006, 15:04 UTC")
	}
	return moment{Exact: t.Format(time.RFC3339), Full: full, Ago: relative(now.Sub(t)), Length: length(now.Sub(t))}
}

// relative formats a time in the past, or for a negative d in the future.
func relative(d time.Duration) string {
	switch {
	case d < 0:
		return "in " + length(d)
	case d < time.Second:
		return "just now"
	}
	return length(d) + " ago"
}

// length formats a duration in one unit.
func length(d time.Duration) string {
	n, unit := max(1, int64(d.Abs()/time.Second)), "second"
	for _, larger := range []struct {
		unit   string
		holds  int64
		enough int64
	}{{"minute", 60, 1}, {"hour", 60, 1}, {"day", 24, 2}} {
		if n < larger.holds*larger.enough {
			break
		}
		n, unit = n/larger.holds, larger.unit
	}
	return humanize.Count(int(n), unit)
}

// changes lists what a deployment changed. A number does not wrap from its word.
func changes(added, changed, removed int) string {
	parts := planview.Counts(added, changed, removed)
	if added+changed+removed > 0 {
		for i, p := range parts {
			parts[i] = strings.ReplaceAll(p, " ", "\u00a0")
		}
	}
	return strings.Join(parts, ", ")
}

// took formats a run's duration. Unknown is "".
func took(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return humanize.Seconds(d)
}

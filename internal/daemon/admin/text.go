package admin

import (
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/planview"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// What others wrote is shown in one line, in which every character can be seen,
// and cut where it would push the page aside.
const (
	maxSubject = 120
	maxName    = 60
	maxProblem = 4000
)

// visible is a line of somebody else's.
func visible(s string, most int) string {
	// What lies far behind the cut is not even looked at: a subject may be long.
	if len(s) > 8*most {
		s = s[:8*most]
	}
	return cut(term.Visible(s), most)
}

// visibleLines is a text of several lines.
func visibleLines(s string) string {
	if len(s) > 8*maxProblem {
		s = s[:8*maxProblem]
	}
	return cut(term.Lines(s), maxProblem)
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return visible(first, maxSubject)
}

// cut shortens s to a number of characters.
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

// short is a commit's id as people write it.
func short(commit string) string { return visible(commit[:min(len(commit), 12)], 12) }

// moment is a time as a page shows it: exact for machines, then for people, who
// are told the time itself, how far it is away, and how long that is.
type moment struct{ Exact, Full, Ago, Length string }

// at is the moment t as seen from now; the zero moment for the zero time.
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

// relative says how long ago something was, or in what time it is.
func relative(d time.Duration) string {
	switch {
	case d < 0:
		return "in " + length(d)
	case d < time.Second:
		return "just now"
	}
	return length(d) + " ago"
}

// length says how long something is, in the one unit that fits.
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

// changes says what a deployment changed. A number and its word stay on one line.
func changes(added, changed, removed int) string {
	parts := planview.Counts(added, changed, removed)
	if added+changed+removed > 0 {
		for i, p := range parts {
			parts[i] = strings.ReplaceAll(p, " ", "\u00a0")
		}
	}
	return strings.Join(parts, ", ")
}

// took is a run's duration, "" where it is not known.
func took(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return humanize.Seconds(d)
}

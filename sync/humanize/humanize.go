// Package humanize writes numbers and paths for people: counts, sizes, durations. All
// messages, plans and tables of kv-sync use it, so a size looks the same in the
// terminal, in the Action's log and on the daemon's page.
package humanize

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Number writes n with commas: 12,345.
func Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count writes n things: "1 file", "12,345 files", "3 retries". It knows the
// regular plurals only.
func Count(n int, noun string) string { return Number(n) + " " + plural(n, noun) }

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(stem, "e") {
		return stem + "ies" // retry, but not key
	}
	return noun + "s"
}

// List names the first few of many things: "a, b and 3 more".
func List(things []string) string {
	const named = 5
	if len(things) <= named {
		return strings.Join(things, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(things[:named], ", "), len(things)-named)
}

// Bytes writes a size in decimal units with two significant digits or more:
// 812 B, 1.2 kB, 12 kB, 3.4 MB.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		v /= 1000
		switch {
		case v < 9.95:
			return fmt.Sprintf("%.1f %s", v, unit)
		case v < 999.5 || unit == "GB":
			return fmt.Sprintf("%.0f %s", v, unit)
		}
	}
	return ""
}

// Seconds writes a duration: 0.04 s, 1.2 s, 42 s, 3 min 20 s.
func Seconds(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// Milliseconds writes a short duration: 87 ms, 1.2 s.
func Milliseconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return Seconds(d)
}

// Mebibytes is a number of bytes in MiB with one decimal.
func Mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// Path returns a path so that people can distinguish it from others. Decomposed letters
// (Unicode NFD) look like composed ones, so the path's spelling in a URL is appended to it.
func Path(path string) string {
	if norm.NFC.IsNormalString(path) {
		return path
	}
	return path + " (" + (&url.URL{Path: path}).EscapedPath() + ")"
}

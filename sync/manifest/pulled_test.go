package manifest

import (
	"slices"
	"testing"
)

// Lines that a merge left are reported, and are not read as writes.
func TestParsePulled(t *testing.T) {
	t.Parallel()
	const text = "# edits\n0102030405060708 /a\n<<<<<<< HEAD\n0102030405060709 b\nxyz /c\n\n010203040506070A " +
		"/d\n010203040506070a /e f\n"
	pulled, bad := ParsePulled([]byte(text))
	if len(pulled) != 2 || pulled["/a"] != (Nonce{1, 2, 3, 4, 5, 6, 7, 8}) ||
		pulled["/e f"] != (Nonce{1, 2, 3, 4, 5, 6, 7, 10}) {
		t.Errorf("it reads as %v", pulled)
	}
	var lines []int
	for _, p := range bad {
		lines = append(lines, p.Line)
	}
	if !slices.Equal(lines, []int{3, 4, 5, 7}) {
		t.Errorf("the bad lines are %v", lines)
	}
}

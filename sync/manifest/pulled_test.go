package manifest

import (
	"maps"
	"slices"
	"testing"
)

// Lines that a merge left are reported, and are not read as writes.
func TestParsePulled(t *testing.T) {
	t.Parallel()
	const text = "# edits\n0102030405060708 /a\n<<<<<<< HEAD\n0102030405060709 b\nxyz /c\n\n010203040506070A " +
		"/d\n010203040506070a /e f\n010203040506070b 0123456789abcdef /g h\n010203040506070c 0123 /i\n"
	pulled, bad := ParsePulled([]byte(text))
	if len(pulled.Writes) != 3 || pulled.Writes["/a"] != (Nonce{1, 2, 3, 4, 5, 6, 7, 8}) ||
		pulled.Writes["/e f"] != (Nonce{1, 2, 3, 4, 5, 6, 7, 10}) {
		t.Errorf("it reads as %v", pulled)
	}
	if pulled.Contents["/g h"] != "0123456789abcdef" || pulled.Contents["/a"] != "" {
		t.Errorf("the contents are %v", pulled.Contents)
	}
	again, none := ParsePulled(FormatPulled(pulled))
	if len(none) > 0 || !maps.Equal(again.Writes, pulled.Writes) || !maps.Equal(again.Contents, pulled.Contents) {
		t.Errorf("written and read again it is %v, %v", again, none)
	}
	var lines []int
	for _, p := range bad {
		lines = append(lines, p.Line)
	}
	if !slices.Equal(lines, []int{3, 4, 5, 7, 10}) {
		t.Errorf("the bad lines are %v", lines)
	}
}

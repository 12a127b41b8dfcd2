package workerd

import (
	"fmt"
	"slices"
	"testing"
)

// The progress of a download has its size, and logs each tenth once.
func TestProgress(t *testing.T) {
	var got []string
	p := &progress{total: 50_000_000}
	p.log = func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
	for range 500 {
		if n, err := p.Write(make([]byte, 100_000)); n != 100_000 || err != nil {
			t.Fatal(n, err)
		}
	}
	var want []string
	for i := 1; i <= 10; i++ {
		want = append(want, fmt.Sprintf("fetching workerd: %d %%", i*10))
	}
	if !slices.Equal(got, want) || p.size() != "50 MB" {
		t.Errorf("%q, size %s", got, p.size())
	}
	if unknown := (&progress{total: -1, log: p.log}); unknown.size() != "about 50 MB" {
		t.Errorf("an unknown size is %s", unknown.size())
	}
}

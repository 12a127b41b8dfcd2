package cloud

import (
	"context"
	"errors"
	"testing"
)

// answers is a store whose reads have these results, one after the other.
type answers struct {
	Store
	values []string
}

func (a *answers) Get(context.Context, string) ([]byte, error) {
	v := a.values[0]
	a.values = a.values[1:]
	if v == "" {
		return nil, ErrNotFound
	}
	return []byte(v), nil
}

// One bad answer is no damage, and two are. A key that is not there is read once.
func TestReadValid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []string
		want   string
		left   int
	}{
		{[]string{"whole", "-"}, "whole", 1}, {[]string{"<html>", "whole"}, "whole", 0},
		{[]string{"who", "<html>"}, "<html>", 0}, {[]string{"", "whole"}, "", 1}, {[]string{"who", ""}, "", 0},
	} {
		a := &answers{values: c.values}
		b, err := ReadValid(t.Context(), a, "k", func(b []byte) bool { return string(b) == "whole" })
		if string(b) != c.want || errors.Is(err, ErrNotFound) != (c.want == "") || len(a.values) != c.left {
			t.Errorf("%q: got %q, %v, %d answers left", c.values, b, err, len(a.values))
		}
	}
}

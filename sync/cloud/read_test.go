package cloud

import (
	"context"
	"errors"
	"fmt"
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

// A value counts as damaged after two bad answers, not after one. A key that does not
// exist is read once.
func TestReadAs(t *testing.T) {
	t.Parallel()
	decode := func(b []byte) (string, error) {
		if string(b) != "whole" {
			return "", errors.New("damaged")
		}
		return "decoded", nil
	}
	for _, c := range []struct {
		values           []string
		want             string
		left             int
		missing, damaged bool
	}{
		{values: []string{"whole", "-"}, want: "decoded", left: 1},
		{values: []string{"<html>", "whole"}, want: "decoded"},
		{values: []string{"who", "<html>"}, damaged: true},
		{values: []string{"", "whole"}, left: 1, missing: true},
		{values: []string{"who", ""}, missing: true},
	} {
		a := &answers{values: c.values}
		v, err := ReadAs(t.Context(), a, "k", decode)
		if v != c.want || errors.Is(err, ErrNotFound) != c.missing || Undecodable(err) != c.damaged ||
			len(a.values) != c.left {
			t.Errorf("%q: got %q, %v, %d answers left", c.values, v, err, len(a.values))
		}
	}
}

// narrow is a store whose bulk reads are refused, because their values are too large.
type narrow struct {
	Store
	reads int
}

func (n *narrow) Get(_ context.Context, key string) ([]byte, error) {
	n.reads++
	if key == "none" {
		return nil, ErrNotFound
	}
	return []byte("value of " + key), nil
}

func (*narrow) GetBulk(context.Context, []string) (map[string][]byte, error) {
	return nil, fmt.Errorf("413: %w", ErrRefused)
}

// Values that are too large for one answer are read one after the other.
func TestReadManyLargeValues(t *testing.T) {
	t.Parallel()
	n := &narrow{}
	got, err := ReadMany(t.Context(), n, []string{"a", "none", "b"},
		func(b []byte) (string, error) { return string(b), nil })
	if err != nil || len(got) != 2 || got["a"].Value != "value of a" || got["b"].Value != "value of b" || n.reads != 3 {
		t.Errorf("%v, %v, %d reads", got, err, n.reads)
	}
}

package cloud

import (
	"context"
	"testing"
)

// repeating is a store that gives the same cursor again and again.
type repeating struct {
	Store
	calls int
}

func (r *repeating) List(context.Context, string, string) ([]KeyInfo, string, error) {
	if r.calls++; r.calls > 100 {
		return nil, "", nil
	}
	return []KeyInfo{{Name: "blog/b/x"}}, "again", nil
}

// A listing that makes no progress is an error, not an endless run.
func TestListingThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	r := &repeating{}
	err := EachKey(t.Context(), r, "blog/", func(KeyInfo) error { return nil })
	if err == nil || r.calls > 2 {
		t.Errorf("%d pages, %v", r.calls, err)
	}
}

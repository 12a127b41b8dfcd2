package webhook

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The newest ids are kept, in the order in which they came, also over a restart.
func TestRecent(t *testing.T) {
	r := NewRecent()
	for i := range KeptDeliveries + 10 {
		for range 2 { // twice is once
			if err := r.Remember(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := NewRecent(r.IDs()...)
	for _, r := range []*Recent{r, again} {
		ids := r.IDs()
		if len(ids) != KeptDeliveries || len(r.set) != KeptDeliveries || ids[0] != "10" || ids[len(ids)-1] != fmt.Sprint(KeptDeliveries+9) {
			t.Errorf("kept %d, %d: %s to %s", len(ids), len(r.set), ids[0], ids[len(ids)-1])
		}
		if r.Seen("9") || !r.Seen("10") || !r.Seen(fmt.Sprint(KeptDeliveries+9)) {
			t.Error("not the newest are kept")
		}
	}
	if d := cmp.Diff(r.IDs(), again.IDs()); d != "" {
		t.Error(d)
	}
}

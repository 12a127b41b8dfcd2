package webhook

import (
	"fmt"
	"testing"
)

// The newest ids are kept, however many are added.
func TestRecent(t *testing.T) {
	r := NewRecent()
	const more = 10
	for i := range KeptDeliveries + more {
		for range 2 { // adding twice is adding once
			if err := r.Remember(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range KeptDeliveries + more {
		if r.Seen(fmt.Sprint(i)) != (i >= more) {
			t.Fatalf("Seen(%d) = %t", i, i < more)
		}
	}
	if len(r.set) != KeptDeliveries || len(r.ring) != KeptDeliveries {
		t.Errorf("%d and %d are kept", len(r.set), len(r.ring))
	}
}

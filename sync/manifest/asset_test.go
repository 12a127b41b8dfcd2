package manifest

import "testing"

// A plan says how many writes it takes, and each chunk is one.
func TestPlanCountsChunks(t *testing.T) {
	for size, want := range map[int64]int{0: 1, MaxValueBytes: 1, MaxValueBytes + 1: 3, 32 << 20: 3, 32<<20 + 1: 4,
		1 << 30: 65, MaxFileBytes: 257} {
		if got := (Asset{Size: size}).Blobs(); got != want {
			t.Errorf("%d bytes take %d blobs, want %d", size, got, want)
		}
	}
}

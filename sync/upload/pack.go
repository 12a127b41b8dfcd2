package upload

import (
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

const (
	// rawMin is the size from which a value travels as a raw body of its own:
	// base64 would cost a third more bytes, which by then is dearer than the
	// overhead of a request.
	rawMin = 512 << 10
	// batchBytes is how many bytes of values one bulk write carries, before
	// base64. Smaller bodies lose to the latency of a request, larger ones leave
	// connections idle at the end.
	BatchBytes = 4 << 20
	// requestCap keeps a plan's uploads well below the API's 1,200 requests in 5
	// minutes (https://developers.cloudflare.com/fundamentals/api/reference/limits/):
	// beyond it, large values too are packed into bulk writes.
	requestCap = 600
)

// batch is what one request carries: one raw value, or a bulk write.
type batch struct {
	raw   bool
	items []*Item
}

// bulkBody is what the body of a bulk write is given, so that one buffer after
// the other can be used again: batchBytes in base64, and 2,000 keys.
const bulkBody = BatchBytes/3*4 + 2000*pairBytes

// pairBytes is what a pair takes beside its value, at most.
const pairBytes = 256

// weight is how many bytes of memory the batch's body takes.
func (b batch) weight() int64 {
	var n, keys int64
	for _, it := range b.items {
		n += it.Size
		keys += it.KeyBytes
	}
	if b.raw {
		return n
	}
	return max(n/3*4+int64(len(b.items)+1)*pairBytes+keys, bulkBody)
}

// pack divides the items that are not chunked into batches. Values of rawMin and
// more go raw, the largest first, as long as the requests, with those of the
// chunks, stay under requestCap.
func pack(items []*Item) []batch {
	var total int64
	var whole, large, small []*Item
	spent := 0
	for _, it := range items {
		if it.chunked != nil {
			spent += manifest.ChunkCount(it.Size)
			continue
		}
		total += it.Size
		whole = append(whole, it)
	}
	for _, it := range whole {
		if it.Size >= rawMin && total > BatchBytes && it.TTL == 0 { // else one bulk write takes them all
			large = append(large, it)
		} else {
			small = append(small, it)
		}
	}
	slices.SortStableFunc(large, func(a, b *Item) int { return int(b.Size - a.Size) })
	if room := max(requestCap-spent-int(total/BatchBytes)-len(small)/cloud.MaxBulkPairs-2, 0); len(large) > room {
		small = append(small, large[room:]...)
		large = large[:room]
	}
	var out []batch
	for _, it := range large {
		out = append(out, batch{raw: true, items: []*Item{it}})
	}
	var bytes int64
	for i, it := range small {
		if i == 0 || bytes+it.Size > BatchBytes || len(out[len(out)-1].items) == cloud.MaxBulkPairs {
			out = append(out, batch{})
			bytes = 0
		}
		last := &out[len(out)-1]
		last.items = append(last.items, it)
		bytes += it.Size
	}
	return out
}

package upload

import (
	"slices"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

const (
	// rawMin is the minimum size of a value that is sent in its own request, as the raw body. In a
	// bulk write it would be in base64, which is a third longer. From this size on, these bytes take
	// longer than another request.
	rawMin = 512 << 10
	// BatchBytes is the number of bytes of values in one bulk write, before base64.
	// With smaller bodies the latency of requests dominates. Larger ones leave
	// connections idle at the end of an upload.
	BatchBytes = 4 << 20
	// requestCap keeps an upload well below the API's 1,200 requests in 5 minutes
	// (https://developers.cloudflare.com/fundamentals/api/reference/limits/). Beyond it
	// large values are packed into bulk writes, too.
	requestCap = 600
)

// batch is the content of one request: one raw value, or a bulk write.
type batch struct {
	raw   bool
	items []*Item
}

// bulkBody is the minimum capacity of the buffer for a bulk write: BatchBytes in base64, and 2,000
// keys. Buffers of the same capacity can be reused.
const bulkBody = BatchBytes/3*4 + 2000*pairBytes

// pairBytes is the maximum number of bytes of a pair, without its value and without a long key.
const pairBytes = 256

// weight returns the number of bytes of memory of the batch's body.
func (b batch) weight() int64 {
	var n, keys int64
	for _, it := range b.items {
		n += it.Size
		keys += it.KeyBytes
	}
	if b.raw {
		return n
	}
	if n = n/3*4 + int64(len(b.items)+1)*pairBytes + keys; n <= smallBody {
		return n
	}
	return max(n, bulkBody)
}

// smallBody is the maximum size of a body that gets its own small buffer. For larger bodies it is
// cheaper to reuse buffers of bulkBody.
const smallBody = 64 << 10

// pack divides the items that are not chunked into batches. Values of at least rawMin
// are sent raw, the largest first, as long as all requests, including those of chunks,
// stay below requestCap.
func pack(items []*Item) []batch {
	var total int64
	var single, large, small []*Item
	spent := 0
	for _, it := range items {
		if it.chunked != nil {
			spent += manifest.ChunkCount(it.Size)
			continue
		}
		total += it.Size
		single = append(single, it)
	}
	for _, it := range single {
		if it.Size >= rawMin && total > BatchBytes && it.TTL == 0 { // up to BatchBytes, one bulk write is enough
			large = append(large, it)
		} else {
			small = append(small, it)
		}
	}
	slices.SortStableFunc(large, func(a, b *Item) int { return int(b.Size - a.Size) })
	if most := max(requestCap-spent-int(total/BatchBytes)-len(small)/cloud.MaxBulkPairs-2, 0); len(large) > most {
		small = append(small, large[most:]...)
		large = large[:most]
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

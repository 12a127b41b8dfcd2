package kvsync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// rawMin is the size from which a value travels as a raw body of its own:
	// base64 would cost a third more bytes, which by then is dearer than the
	// overhead of a request.
	rawMin = 512 << 10
	// batchBytes is how many bytes of values one bulk write carries, before
	// base64. Smaller bodies lose to the latency of a request, larger ones leave
	// connections idle at the end.
	batchBytes = 4 << 20
	// requestCap keeps a plan's uploads well below the API's 1,200 requests in 5
	// minutes (https://developers.cloudflare.com/fundamentals/api/reference/limits/):
	// beyond it, large values too are packed into bulk writes.
	requestCap = 600
	// resendRounds is how often keys that a bulk write left out are sent again.
	resendRounds = 5
)

// item is one value to be written.
type item struct {
	name string // for messages
	size int64
	want Hash // zero: found out while reading
	open func() (io.ReadCloser, error)
	key  func(Hash) string
	// keyBytes is what the key takes in a bulk write, where that may be more
	// than pairBytes has room for.
	keyBytes int64
	// ttl is after how long KV removes the key; 0 is never.
	ttl time.Duration

	got       Hash
	claimed   bool // this item writes its key
	duplicate bool // another item of this run does
	blobs     int  // how many values it wrote, once all is confirmed

	// chunked is not nil where the file is too large for one value: open then
	// gives what goes up in chunks, and key is that of their index.
	chunked *chunked
}

// batch is what one request carries: one raw value, or a bulk write.
type batch struct {
	raw   bool
	items []*item
}

// bulkBody is what the body of a bulk write is given, so that one buffer after
// the other can be used again: batchBytes in base64, and 2,000 keys.
const bulkBody = batchBytes/3*4 + 2000*pairBytes

// pairBytes is what a pair takes beside its value, at most.
const pairBytes = 256

// weight is how many bytes of memory the batch's body takes.
func (b batch) weight() int64 {
	var n, keys int64
	for _, it := range b.items {
		n += it.size
		keys += it.keyBytes
	}
	if b.raw {
		return n
	}
	return max(n/3*4+int64(len(b.items)+1)*pairBytes+keys, bulkBody)
}

// pack divides the items that are not chunked into batches. Values of rawMin and
// more go raw, the largest first, as long as the requests, with those of the
// chunks, stay under requestCap.
func pack(items []*item) []batch {
	var total int64
	var whole, large, small []*item
	spent := 0
	for _, it := range items {
		if it.chunked != nil {
			spent += chunkCount(it.size)
			continue
		}
		total += it.size
		whole = append(whole, it)
	}
	for _, it := range whole {
		if it.size >= rawMin && total > batchBytes && it.ttl == 0 { // else one bulk write takes them all
			large = append(large, it)
		} else {
			small = append(small, it)
		}
	}
	slices.SortStableFunc(large, func(a, b *item) int { return int(b.size - a.size) })
	if room := max(requestCap-spent-int(total/batchBytes)-len(small)/MaxBulkPairs-2, 0); len(large) > room {
		small = append(small, large[room:]...)
		large = large[:room]
	}
	var out []batch
	for _, it := range large {
		out = append(out, batch{raw: true, items: []*item{it}})
	}
	var bytes int64
	for i, it := range small {
		if i == 0 || bytes+it.size > batchBytes || len(out[len(out)-1].items) == MaxBulkPairs {
			out = append(out, batch{})
			bytes = 0
		}
		last := &out[len(out)-1]
		last.items = append(last.items, it)
		bytes += it.size
	}
	return out
}

// uploader writes items into one namespace. What it reports as done is
// confirmed by the API, key by key.
type uploader struct {
	store    Store
	parallel int
	budget   *Budget
	limit    int64
	progress func(Progress)

	// read is called, under mu, when nothing is unread any more.
	read func()

	mu     sync.Mutex
	taken  map[string]bool // keys that an item of this run writes
	unread int
	done   Progress
}

func (e *Engine) newUploader(s Store, items []*item) *uploader {
	u := &uploader{
		store: s, parallel: e.Parallel, budget: e.Budget, limit: e.Memory,
		progress: e.Progress, taken: make(map[string]bool),
		unread: len(items), read: func() {},
		done: Progress{Stage: StageUpload, TotalFiles: len(items)},
	}
	for _, it := range items {
		u.done.TotalBytes += it.size
		if it.chunked != nil {
			u.done.TotalBytes += int64(indexBytes(chunkCount(it.size)))
		}
	}
	return u
}

// upload writes all items, or returns the first error. read, if not nil, is
// called once when every item was read, so that each one's got is known; the
// last of them are still on their way then. The indexes of files in chunks are
// sent when everything else is confirmed.
func (e *Engine) upload(ctx context.Context, s Store, items []*item, read func()) error {
	if len(items) == 0 {
		return nil
	}
	u := e.newUploader(s, items)
	if read != nil {
		u.read = read
	}
	large := slices.DeleteFunc(slices.Clone(items), func(it *item) bool { return it.chunked == nil })
	err := u.side(ctx, func(ctx context.Context, g *errgroup.Group) error {
		for _, it := range large {
			if err := u.sendChunks(ctx, g, it); err != nil {
				return fmt.Errorf("upload %s: %w", it.name, err)
			}
		}
		return u.sendAll(ctx, g, pack(items))
	})
	if err != nil || len(large) == 0 {
		return err
	}
	return u.side(ctx, func(ctx context.Context, g *errgroup.Group) error {
		return u.sendAll(ctx, g, pack(u.indexesOf(large)))
	})
}

// side runs feed, which begins requests side by side, and waits for them. The
// first error, be it feed's or a request's, ends the others.
func (u *uploader) side(ctx context.Context, feed func(ctx context.Context, g *errgroup.Group) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(u.parallel)
	if err := feed(gctx, g); err != nil {
		g.Go(func() error { return err })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// sendAll begins to send the batches, as memory allows.
func (u *uploader) sendAll(ctx context.Context, g *errgroup.Group, batches []batch) error {
	for _, b := range batches {
		weight := min(b.weight(), u.limit)
		if err := u.budget.take(ctx, weight, u.limit); err != nil {
			return err
		}
		g.Go(func() error {
			defer u.budget.give(weight)
			return u.send(ctx, b)
		})
	}
	return nil
}

// send writes one batch, and what the API leaves out again, a second apart and
// more: one key takes one write a second.
func (u *uploader) send(ctx context.Context, b batch) error {
	wait := time.Second
	for round := 0; ; round++ {
		left, err := u.attempt(ctx, b)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return nil
		}
		if round == resendRounds {
			return fmt.Errorf("upload %s: the API accepted the request %d times and did not write the key", left[0].name, resendRounds+1)
		}
		u.say(fmt.Sprintf("%s not written by a bulk write that was accepted; sending again", count(len(left), "key")))
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait *= 2
		b.items = left
	}
}

// attempt sends one request and returns the items that it did not write.
func (u *uploader) attempt(ctx context.Context, b batch) (left []*item, err error) {
	body, pairs, err := u.body(ctx, b)
	if err != nil {
		return nil, err
	}
	if pairs == 0 { // every item of it is written by another batch
		u.finish(b.items)
		return nil, nil
	}
	if b.raw {
		it := b.items[0]
		if err := u.store.Put(ctx, it.key(it.got), body); err != nil {
			return nil, fmt.Errorf("upload %s: %w", it.name, err)
		}
		u.budget.recycle(body)
		u.finish(b.items)
		return nil, nil
	}
	unconfirmed, err := u.store.PutBulk(ctx, body, pairs)
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", describe(b.items), err)
	}
	// Only now: a request that failed may still be reading its body.
	u.budget.recycle(body)
	missed := make(map[string]bool, len(unconfirmed))
	for _, k := range unconfirmed {
		missed[k] = true
	}
	var written []*item
	for _, it := range b.items {
		if key := it.key(it.got); !it.duplicate && missed[key] {
			left = append(left, it)
			delete(missed, key)
		} else {
			written = append(written, it)
		}
	}
	for k := range missed {
		return nil, fmt.Errorf("upload %s: the API names a key that was not sent, %.100q", describe(b.items), k)
	}
	u.finish(written)
	return left, nil
}

func describe(items []*item) string {
	if len(items) == 1 {
		return items[0].name
	}
	return fmt.Sprintf("%s and %d more", items[0].name, len(items)-1)
}

// body reads the batch's files once, hashing what it encodes. pairs is 0 where
// nothing is to be sent.
func (u *uploader) body(ctx context.Context, b batch) (body []byte, pairs int, err error) {
	body = u.budget.buffer(b.weight(), u.limit)
	if !b.raw {
		body = append(body, '[')
	}
	for _, it := range b.items {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		start := len(body)
		if b.raw {
			body, err = it.read(body, func(dst, p []byte) []byte { return append(dst, p...) })
		} else {
			if pairs > 0 {
				body = append(body, ',')
			}
			// The key follows the value, for only then is the hash known.
			body = append(body, `{"base64":true,"value":"`...)
			body, err = it.read(body, base64.StdEncoding.AppendEncode)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("upload %s: %w", it.name, err)
		}
		key := it.key(it.got)
		if !u.claim(it, key) {
			body = body[:start]
			continue
		}
		pairs++
		if !b.raw {
			body = append(body, `","key":`...)
			body = appendKey(body, key)
			if it.ttl > 0 {
				body = fmt.Appendf(body, `,"expiration_ttl":%d`, int(it.ttl.Seconds()))
			}
			body = append(body, '}')
		}
	}
	if pairs == 0 {
		u.budget.recycle(body)
		return nil, 0, nil
	}
	if !b.raw {
		body = append(body, ']')
	}
	return body, pairs, nil
}

// appendKey appends a key as a JSON string. Those of the content layout never
// need an escape.
func appendKey(dst []byte, key string) []byte {
	if strings.IndexFunc(key, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) >= 0 {
		quoted, _ := json.Marshal(key) // a string always encodes
		return append(dst, quoted...)
	}
	dst = append(dst, '"')
	dst = append(dst, key...)
	return append(dst, '"')
}

// claim makes the item the one of this run that writes the key. Two files with
// the same bytes share a key, and a key takes one write a second.
func (u *uploader) claim(it *item, key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if it.claimed { // sent again
		return true
	}
	it.duplicate = u.taken[key]
	it.claimed = !it.duplicate
	u.taken[key] = true
	if u.unread--; u.unread == 0 {
		u.read()
	}
	return it.claimed
}

// read appends the item's bytes to dst as encode gives them, three bytes to
// four at a time, and hashes them on the way.
func (it *item) read(dst []byte, encode func(dst, p []byte) []byte) ([]byte, error) {
	f, err := it.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	piece := pieces.Get().(*[pieceBytes]byte)
	defer pieces.Put(piece)
	var n int64
	for {
		k, err := io.ReadFull(f, piece[:])
		n += int64(k)
		if n > it.size {
			return nil, ErrChanged
		}
		h.Write(piece[:k])
		dst = encode(dst, piece[:k])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	got := Hash(h.Sum(nil))
	if n != it.size || (!it.want.IsZero() && got != it.want) {
		return nil, ErrChanged
	}
	if it.got.IsZero() { // sent again, it is known, and others may be reading it
		it.got, it.want = got, got
	}
	return dst, nil
}

// pieceBytes is a multiple of three, so that base64 pads only at the end.
const pieceBytes = 48 << 10

var pieces = sync.Pool{New: func() any { return new([pieceBytes]byte) }}

func (u *uploader) finish(items []*item) {
	var bytes int64
	for _, it := range items {
		bytes += it.size
		if !it.duplicate {
			it.blobs++
		}
	}
	u.advance(len(items), bytes)
}

func (u *uploader) advance(files int, bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done.Files += files
	u.done.Bytes += bytes
	u.progress(u.done)
}

func (u *uploader) say(note string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.done
	p.Note = note
	u.progress(p)
}

// value is an item whose bytes are at hand.
func value(name, key string, b []byte) *item {
	return &item{
		name: name, size: int64(len(b)), want: HashOf(b), key: func(Hash) string { return key },
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}
}

// newItem writes a file's bytes under the run's key for them. live gives the
// chunks that need not be sent.
func newItem(k keys, f File, n Nonce, live map[Hash]Ref) *item {
	it := &item{
		name: f.Path, size: f.Size, want: f.Blob.Hash, open: f.Open,
		key: func(h Hash) string { return k.Blob(Ref{Hash: h, Nonce: n.For(f.Asset)}) },
	}
	if f.Chunked() {
		it.chunked = &chunked{keys: k, nonce: n, live: live}
	}
	return it
}

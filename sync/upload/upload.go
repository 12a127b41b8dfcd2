package upload

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// Options configure an upload.
type Options struct {
	// Parallel is how many requests run at once.
	Parallel int
	// Memory bounds the bytes in memory of running requests, in all uploads that share
	// the Budget.
	Memory int64
	Budget *Budget
	// Progress is called after each step, from several goroutines but never from two
	// at once; may be nil.
	Progress func(Progress)
	// Read is called once, when every item has been read. Then Item.Got is set, but
	// requests may still be running. May be nil.
	Read func()
}

// Progress says how much of an upload is confirmed.
type Progress struct {
	Files, TotalFiles int
	Bytes, TotalBytes int64
	// Note is a line for people, or "".
	Note string
}

// uploader writes items into one namespace. An item counts as done only after the API has
// confirmed its key.
type uploader struct {
	Options
	store cloud.Store

	mu     sync.Mutex
	taken  map[string]bool // keys that an item of this run writes
	unread int
	done   Progress
}

func newUploader(s cloud.Store, items []*Item, o Options) *uploader {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Read == nil {
		o.Read = func() {}
	}
	u := &uploader{
		Options: o, store: s, taken: make(map[string]bool), unread: len(items),
		done: Progress{TotalFiles: len(items)},
	}
	for _, it := range items {
		u.done.TotalBytes += it.Size
		if it.chunked != nil {
			u.done.TotalBytes += int64(manifest.ChunkIndexBytes(manifest.ChunkCount(it.Size)))
		}
	}
	return u
}

// Run writes all items into the namespace and returns when every key is confirmed, or
// the first error. A chunk index is written after all chunks were confirmed, so it never
// names a missing chunk.
func Run(ctx context.Context, s cloud.Store, items []*Item, o Options) error {
	if len(items) == 0 {
		return nil
	}
	u := newUploader(s, items, o)
	large := slices.DeleteFunc(slices.Clone(items), func(it *Item) bool { return it.chunked == nil })
	err := u.group(ctx, func(ctx context.Context, g *errgroup.Group) error {
		for _, it := range large {
			if err := u.sendChunks(ctx, g, it); err != nil {
				return fmt.Errorf("upload %s: %w", it.Name, err)
			}
		}
		return u.sendAll(ctx, g, pack(items))
	})
	if err != nil || len(large) == 0 {
		return err
	}
	return u.group(ctx, func(ctx context.Context, g *errgroup.Group) error {
		return u.sendAll(ctx, g, pack(u.indexesOf(large)))
	})
}

// group calls feed, which starts requests, and waits for the requests. The first error,
// of feed or of a request, cancels the others.
func (u *uploader) group(ctx context.Context, feed func(ctx context.Context, g *errgroup.Group) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(u.Parallel)
	if err := feed(gctx, g); err != nil {
		g.Go(func() error { return err })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// sendAll starts to send the batches, as memory allows.
func (u *uploader) sendAll(ctx context.Context, g *errgroup.Group, batches []batch) error {
	for _, b := range batches {
		weight := min(b.weight(), u.Memory)
		if err := u.Budget.take(ctx, weight, u.Memory); err != nil {
			return err
		}
		g.Go(func() error {
			defer u.Budget.give(weight)
			return u.send(ctx, b)
		})
	}
	return nil
}

// send writes one batch, and sends items again that the API did not confirm. It waits at
// least a second before that, because KV accepts one write a second to a key.
func (u *uploader) send(ctx context.Context, b batch) error {
	delay := time.Second
	for round := 0; ; round++ {
		left, err := u.attempt(ctx, b)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return nil
		}
		if round == cloud.ResendRounds {
			return fmt.Errorf("upload %s: %w, %d times", left[0].Name, cloud.ErrIgnored, cloud.ResendRounds+1)
		}
		u.say(humanize.Count(len(left), "key") + " not written by a bulk write that was accepted; sending again")
		if err := wait.For(ctx, delay); err != nil {
			return err
		}
		delay *= 2
		b.items = left
	}
}

// attempt sends one request and returns the items that it did not write.
func (u *uploader) attempt(ctx context.Context, b batch) (left []*Item, err error) {
	body, pairs, err := u.body(ctx, b)
	if err != nil {
		return nil, err
	}
	if pairs == 0 { // other items write all keys
		u.finish(b.items)
		return nil, nil
	}
	if b.raw {
		it := b.items[0]
		if err := u.store.Put(ctx, it.Key(it.Got), body); err != nil {
			return nil, fmt.Errorf("upload %s: %w", it.Name, err)
		}
		u.Budget.recycle(body)
		u.finish(b.items)
		return nil, nil
	}
	unconfirmed, err := u.store.PutBulk(ctx, body, pairs)
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", describe(b.items), err)
	}
	// Do not recycle it after an error: a failed request may still read its body.
	u.Budget.recycle(body)
	missed := make(map[string]bool, len(unconfirmed))
	for _, k := range unconfirmed {
		missed[k] = true
	}
	var written []*Item
	for _, it := range b.items {
		if key := it.Key(it.Got); !it.duplicate && missed[key] {
			left = append(left, it)
			delete(missed, key)
		} else {
			written = append(written, it)
		}
	}
	for k := range missed {
		return nil, fmt.Errorf("upload %s: %w: it names a key that was not sent, %.100q", describe(b.items),
			cloud.ErrIgnored, k)
	}
	u.finish(written)
	return left, nil
}

func describe(items []*Item) string {
	if len(items) == 1 {
		return items[0].Name
	}
	return fmt.Sprintf("%s and %d more", items[0].Name, len(items)-1)
}

// body reads the batch's items once, and computes their hashes. pairs is 0 if there is
// nothing to send.
func (u *uploader) body(ctx context.Context, b batch) (body []byte, pairs int, err error) {
	body = u.Budget.buffer(b.weight(), u.Memory)
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
			// The key follows the value: it has the hash, which is known after the value.
			body = append(body, `{"base64":true,"value":"`...)
			body, err = it.read(body, base64.StdEncoding.AppendEncode)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("upload %s: %w", it.Name, err)
		}
		key := it.Key(it.Got)
		if !u.claim(it, key) {
			body = body[:start]
			continue
		}
		pairs++
		if !b.raw {
			body = append(body, `","key":`...)
			body = appendKey(body, key)
			if it.TTL > 0 {
				body = fmt.Appendf(body, `,"expiration_ttl":%d`, int(it.TTL.Seconds()))
			}
			body = append(body, '}')
		}
	}
	if pairs == 0 {
		u.Budget.recycle(body)
		return nil, 0, nil
	}
	if !b.raw {
		body = append(body, ']')
	}
	return body, pairs, nil
}

// KeyBytes returns the number of bytes of a key in the body of a bulk write.
func KeyBytes(key string) int64 { return int64(len(appendKey(nil, key))) }

// appendKey appends a key as a JSON string. Keys of the content layout never need an
// escape.
func appendKey(dst []byte, key string) []byte {
	if strings.IndexFunc(key, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) >= 0 {
		quoted, _ := json.Marshal(key) // a string always encodes
		return append(dst, quoted...)
	}
	dst = append(dst, '"')
	dst = append(dst, key...)
	return append(dst, '"')
}

// claim reports whether this item of the run has to write the key. Two files with the same
// bytes have the same key, and KV accepts one write a second to a key.
func (u *uploader) claim(it *Item, key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if it.claimed { // the item is being sent again
		return true
	}
	it.duplicate = u.taken[key]
	it.claimed = !it.duplicate
	u.taken[key] = true
	if u.unread--; u.unread == 0 {
		u.Read()
	}
	return it.claimed
}

func (u *uploader) finish(items []*Item) {
	var bytes int64
	for _, it := range items {
		bytes += it.Size
		if !it.duplicate {
			it.Blobs++
		}
	}
	u.advance(len(items), bytes)
}

func (u *uploader) advance(files int, bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.done.Files += files
	u.done.Bytes += bytes
	u.Progress(u.done)
}

func (u *uploader) say(note string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.done
	p.Note = note
	u.Progress(p)
}

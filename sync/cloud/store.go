package cloud

import (
	"context"
	"encoding/json"
	"fmt"
)

// Limits of Workers KV.
// Source: https://developers.cloudflare.com/kv/platform/limits/ and the API
// reference of the bulk calls.
const (
	MaxBulkPairs = 10_000 // pairs or keys in one bulk call
	MaxBulkReads = 100    // keys in one bulk read; its values may have 25 MB together
	ListPageKeys = 1_000  // keys in one page of a listing
)

// ResendRounds is how often keys that a bulk call left unconfirmed are sent again.
const ResendRounds = 5

// Store is one KV namespace. Its methods are safe for concurrent use. They retry
// where that is safe, so an error is final for the run.
type Store interface {
	// PutBulk sends one bulk write. body is the body of the request, a JSON array of
	// that many pairs. unconfirmed lists the keys that a successful answer reports as
	// not written; the caller sends them again.
	PutBulk(ctx context.Context, body []byte, pairs int) (unconfirmed []string, err error)
	// Put writes one value from its raw bytes, without metadata.
	Put(ctx context.Context, key string, value []byte) error
	// Get returns a value, or ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// List returns one page of keys, ascending. An empty page is not the end; next is
	// "" at the end.
	List(ctx context.Context, prefix, cursor string) (page []KeyInfo, next string, err error)
	// DeleteBulk deletes up to MaxBulkPairs keys. unconfirmed as in PutBulk.
	DeleteBulk(ctx context.Context, keys []string) (unconfirmed []string, err error)
}

// BulkReader is a [Store] that also reads several values with one request.
type BulkReader interface {
	// GetBulk returns the values of up to MaxBulkReads keys, which are text. A key that
	// does not exist is not in the result. It returns ErrRefused for too many bytes.
	GetBulk(ctx context.Context, keys []string) (map[string][]byte, error)
}

// KeyInfo is one key of a listing.
type KeyInfo struct {
	Name string
	// Metadata is the key's metadata as JSON, nil if it has none.
	Metadata json.RawMessage
}

// EachKey calls each for every key with the prefix, ascending, until it returns an
// error.
func EachKey(ctx context.Context, s Store, prefix string, each func(KeyInfo) error) error {
	for cursor := ""; ; {
		page, next, err := s.List(ctx, prefix, cursor)
		if err != nil {
			return fmt.Errorf("list the keys below %q: %w", prefix, err)
		}
		for _, k := range page {
			if err := each(k); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		if next == cursor {
			return fmt.Errorf("list the keys below %q: the API gave the same cursor twice", prefix)
		}
		cursor = next
	}
}

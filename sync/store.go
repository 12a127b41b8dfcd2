package kvsync

import (
	"context"
	"encoding/json"
	"errors"
)

// ErrNotFound is returned (wrapped) for a key, script or version that is not there.
var ErrNotFound = errors.New("not found")

// Limits of Workers KV.
// Source: https://developers.cloudflare.com/kv/platform/limits/ and the API
// reference of the bulk calls.
const (
	MaxValueBytes = 25 << 20 // one value
	MaxBulkPairs  = 10_000   // pairs or keys in one bulk call
	ListPageKeys  = 1_000    // keys in one page of a listing
)

// Store is one KV namespace. Its methods are safe for concurrent use. Calls
// are retried inside where that is safe, so an error is final for this run.
type Store interface {
	// PutBulk sends one bulk write. body is the request body as the API takes it,
	// a JSON array of that many pairs. unconfirmed lists the keys that a
	// successful reply reported as not written; the caller sends them again.
	PutBulk(ctx context.Context, body []byte, pairs int) (unconfirmed []string, err error)
	// Put writes one value from its raw bytes, without metadata.
	Put(ctx context.Context, key string, value []byte) error
	// Get returns a value whole, or ErrNotFound.
	Get(ctx context.Context, key string) ([]byte, error)
	// List returns one page of keys, ascending. A page may be empty while
	// next is not "": only next == "" is the end.
	List(ctx context.Context, prefix, cursor string) (page []KeyInfo, next string, err error)
	// DeleteBulk deletes up to MaxBulkPairs keys. unconfirmed as in PutBulk.
	DeleteBulk(ctx context.Context, keys []string) (unconfirmed []string, err error)
}

// KeyInfo is one key of a listing.
type KeyInfo struct {
	Name string
	// Metadata is the key's metadata as JSON, nil if it has none.
	Metadata json.RawMessage
}

// Account is what the engine needs before it knows a namespace.
type Account interface {
	// FindNamespace returns the id of the namespace with this title, or ErrNotFound.
	FindNamespace(ctx context.Context, title string) (id string, err error)
	// CreateNamespace makes it, or returns the one that somebody made meanwhile.
	CreateNamespace(ctx context.Context, title string) (id string, err error)
	// Store returns the namespace with this id. It sends nothing.
	Store(id string) Store
	// Workers returns the script with this name, which need not exist. It sends nothing.
	Workers(script string) Workers
}

// ErrUnknown is returned (wrapped) by a call that switches when its answer was
// lost: it may have happened.
var ErrUnknown = errors.New("the outcome is not known")

// ErrRefused is returned (wrapped) by a call of a [Store] that the API answered
// with no: it was certainly not carried out, and would not be if sent again.
var ErrRefused = errors.New("the API refuses it")

// ErrNotSwitched is returned (wrapped) by a run whose switch got no answer, and
// did not happen: the API says so. What was live is live.
var ErrNotSwitched = errors.New("the new version is not active")

// ErrSecretChanged is returned (wrapped) by Activate: a secret was changed since
// the version was made, and activating it would bring the old value back.
var ErrSecretChanged = errors.New("a secret was changed since that version was made")

// ErrQuota is returned (wrapped) when the account's daily KV quota is used up.
var ErrQuota = errors.New("the account's KV quota for today is used up")

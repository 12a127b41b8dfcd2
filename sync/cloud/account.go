package cloud

import (
	"context"
	"time"
)

// Account is a Cloudflare account.
type Account interface {
	// FindNamespace returns the id of the namespace with this title, or ErrNotFound.
	FindNamespace(ctx context.Context, title string) (id string, err error)
	// CreateNamespace creates it, or returns the one that was created meanwhile.
	CreateNamespace(ctx context.Context, title string) (id string, err error)
	// Store returns the namespace with this id. It sends nothing.
	Store(id string) Store
	// Time returns the time at Cloudflare: the time in the newest answer plus what has
	// passed since. ok is false while no answer has given a time.
	Time() (now time.Time, ok bool)
	// Workers returns the script with this name, which need not exist. It sends nothing.
	Workers(script string) Workers
}

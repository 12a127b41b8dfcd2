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
	// Time returns the time at Cloudflare: that of the newest answer, and what passed
	// since. ok is false before the first answer, and if no answer gives a time.
	Time() (now time.Time, ok bool)
	// Workers returns the script with this name, which need not exist. It sends nothing.
	Workers(script string) Workers
}

package cloud

import "context"

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

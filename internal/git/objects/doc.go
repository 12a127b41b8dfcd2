// Package objects reads the objects of a git repository: commits, trees and blobs,
// from packs and loose files, by any number of goroutines at once. It needs no git
// command for the usual forms of repository, and uses one for the others (SHA-256,
// reftable, partial clones) and for large blobs that are stored as deltas.
//
//	r, err := objects.Open(layout, nil) // the layout comes from package worktree
//	id, err := r.Resolve(ctx, "main~2")
//	commit, err := r.Commit(ctx, id)
//	tree, entries, err := r.Subtree(ctx, commit.Tree, "public", nil)
//	content, err := r.Blob(ctx, entries[0].ID)
//	err = r.Close()
//
// [Compare] says which of two commits is newer. [Extent] bounds a walk over trees,
// which may be hostile: a few kilobytes of trees can expand to billions of files.
//
// The package runs no program that the repository names. A corrupt or hostile object
// gives an error, after a bounded time and without more memory than its bytes can fill.
package objects

// Package worktree finds git repositories and compares their work trees with what
// is committed. It reads git's own files: HEAD, the configuration and the index in
// all its forms (split, sparse, versions 2 to 4).
//
//	r, err := worktree.Locate(ctx, worktree.Project{Dir: ".", Folder: "public", Getenv: os.Getenv})
//	reader, err := r.Open() // the repository's objects
//	dirty, err := r.Dirty(ctx)
//
// [Locate] decides which repository a published folder belongs to, and [Tracks] whether
// the repository around a folder tracks it. Both use the rule in tracking.go.
// [Repository.Compare] compares a commit with the work tree.
package worktree

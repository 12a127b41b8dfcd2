// Package worktree finds git repositories and compares their work trees with what
// is committed. It reads git's own files: HEAD, the configuration and the index in
// all its forms (split, sparse, versions 2 to 4).
//
//	r, err := worktree.Locate(ctx, worktree.Project{Dir: ".", Folder: "public", Getenv: os.Getenv})
//	reader, err := r.Open() // the repository's objects
//	dirty, err := r.Dirty(ctx)
//
// [Locate] decides which repository a published folder belongs to, and [Tracks]
// whether the repository around a folder counts; both go by one rule (tracking.go).
// [Repository.Difference] says why a commit is not what is on disk.
package worktree

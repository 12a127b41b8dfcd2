// Package source opens what is to be published: a commit, or a folder. Both are a
// [manifest.Source].
//
//	src, err := source.Open(ctx, source.Options{WorkDir: ".", Dir: "public"})
//	listing, err := src.Files(ctx, live) // live is the manifest that is deployed
//
// [Open] chooses between commit and folder. [OpenCommit] and [OpenFolder] open the one that
// their name says. [OpenCheckout] returns the commit from which an ignored folder was built.
//
// This package composes the parts that do the work:
//
//   - source/folder reads a folder on disk.
//   - source/rules decides what is published and what is refused, for both.
//   - git/worktree finds the repository and compares its work tree with a commit.
//   - git/objects reads commits, trees and blobs; git/command runs git.
//
// A [Commit] is read from git objects, never from the work tree. It does not read a
// directory or a blob that the live manifest already describes.
package source

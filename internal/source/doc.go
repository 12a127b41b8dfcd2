// Package source reads what is to be served: from a commit, or from a folder.
// Both satisfy [kvsync.Source].
//
// A commit is read from git objects, never from the work tree. Revisions are
// resolved through go-git; objects are read from packs and loose files where
// they lie (pack.go), by all readers at once, because go-git's own reading is
// several times as slow and holds far more in memory. Forms of repository that
// neither reads (SHA-256, reftable, partial clones) are read by the git command
// where there is one. A directory or a blob that the live manifest already names
// is taken from it unread.
//
// A folder is walked through [os.Root], so that no symlink, not even one that
// is swapped in meanwhile, leads out of it. Its hashes are remembered between
// runs in a stat cache.
//
// What is published and what is refused is decided in one place for both,
// rules.go and listing.go. In short: dotfiles are skipped (not .well-known),
// .assetsignore in the root has the last word on what is skipped, and what must
// never be published (secrets, private keys, LFS pointers, names that no URL
// can carry) is refused even then, all of it in one error. For folders,
// node_modules and what .gitignore and .ignore name is skipped too; a commit
// holds what was meant to be in it, so there they do not count.
package source

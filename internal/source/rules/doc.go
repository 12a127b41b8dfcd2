// Package rules decides what of a source is published, what is refused and why, and
// with which Content-Type it is served. Commits and folders go by the same rules:
//
//   - Dotfiles are skipped, except .well-known. What .assetsignore and configured
//     patterns name is skipped, too; their negated patterns let files in again.
//     For a folder, .gitignore and .ignore count as well ([Published]).
//   - What must never be published is refused, whatever patterns say: files that
//     hold credentials, private keys, Git LFS pointers, names that a URL cannot
//     carry ([CheckName], [CheckFile], [Digest]).
//
// A walk gathers its files in a [Listing], which reports all problems together:
//
//	l := rules.NewListing()
//	l.Refuse(name, rules.CheckFile(name, rules.Pathname(name), size, false))
//	l.Add(name, file)
//	listing, err := l.Finish()
package rules

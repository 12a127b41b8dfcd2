// Package rules decides which files of a source are published, which are refused and why,
// and with which Content-Type they are served. The rules are the same for commits and folders:
//
//   - Left out are dotfiles, except .well-known, and the files that .assetsignore and
//     configured patterns match. A negated pattern includes a file again. At the top,
//     node_modules and the configuration of kv-sync and wrangler are left out ([Select]).
//   - Refused, whatever the patterns say, are files with credentials, private keys, Git
//     LFS pointers, and names that a URL cannot contain ([CheckName], [CheckFile],
//     [Digest]).
//
// A walk gathers its files in a [Listing], which reports all problems together:
//
//	l := rules.NewListing()
//	l.Refuse(name, rules.CheckFile(name, rules.Pathname(name), size, false))
//	l.Add(file)
//	listing, err := l.Finish()
package rules

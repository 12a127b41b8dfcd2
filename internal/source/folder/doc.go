// Package folder reads a folder as it is on disk, as a [manifest.Source].
//
//	f, err := folder.Open(folder.Options{Path: "public", Boundary: inside, Log: log})
//	listing, err := f.Files(ctx, live)
//	err = f.Close()
//
// The folder is walked through [os.Root], so a symlink cannot lead out of it, even if it
// is replaced during the walk. Reading a file that changed after it was listed returns
// [manifest.ErrChanged]. A stat cache keeps hashes between runs, so unchanged files are
// not read.
package folder

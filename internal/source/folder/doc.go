// Package folder reads a folder as it is on disk, as a [manifest.Source].
//
//	f, err := folder.Open(folder.Options{Path: "public", Boundary: inside, Log: log})
//	listing, err := f.Files(ctx, live)
//	err = f.Close()
//
// It is walked through [os.Root], so no symlink leads out of it, not even one that
// is replaced during the walk. A file that changes between its listing and its end
// gives [manifest.ErrChanged]. Hashes are kept between runs in a stat cache, so an
// unchanged file is not read.
package folder

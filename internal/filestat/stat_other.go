//go:build !linux && !darwin

package filestat

import "io/fs"

// ChangeTime returns zeros: this system does not provide the values.
func ChangeTime(fs.FileInfo) (ctime int64, inode uint64) { return 0, 0 }

package filestat

import (
	"io/fs"
	"syscall"
)

// ChangeTime returns the time when a file's inode last changed, in nanoseconds, and the
// inode's number. Unlike the modification time, a program cannot set them.
func ChangeTime(info fs.FileInfo) (ctime int64, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ctimespec.Nano(), s.Ino
	}
	return 0, 0
}

package filestat

import (
	"io/fs"
	"syscall"
)

// ChangeTime returns when a file's inode last changed, in nanoseconds, and the
// inode's number: what a tool that sets a file's mtime back cannot.
func ChangeTime(info fs.FileInfo) (ctime int64, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ctimespec.Nano(), s.Ino
	}
	return 0, 0
}

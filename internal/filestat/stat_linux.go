package filestat

import (
	"io/fs"
	"syscall"
)

// ChangeTime returns when a file's inode last changed, in nanoseconds, and its number.
// A tool that sets the modification time back cannot set these.
func ChangeTime(info fs.FileInfo) (ctime int64, inode uint64) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ctim.Nano(), s.Ino
	}
	return 0, 0
}

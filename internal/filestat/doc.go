// Package filestat reads what a system knows of a file beyond [fs.FileInfo].
//
//	changed, inode := filestat.ChangeTime(info)
package filestat

// Package filestat returns metadata of a file that [fs.FileInfo] has no method for.
//
//	changed, inode := filestat.ChangeTime(info)
package filestat

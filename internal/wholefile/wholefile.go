// Package wholefile writes files so that they exist whole or not at all.
//
//	err := wholefile.Write(name, content, 0o600)
package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces the file in one step: a reader gets the old content or the new one, and a
// process that is killed leaves one of the two. It makes the folder, with perm and the right to
// enter it for everybody who may read.
//
// After a loss of power the old content may be back: see [WriteDurable].
func Write(name string, content []byte, perm fs.FileMode) error {
	return write(name, content, perm, false)
}

// WriteDurable is Write, and returns when the content is on the disk.
func WriteDurable(name string, content []byte, perm fs.FileMode) error {
	return write(name, content, perm, true)
}

// TempPrefix begins the names of files that are being written. A file that a killed process
// left may be removed.
const TempPrefix = ".new-"

func write(name string, content []byte, perm fs.FileMode, durable bool) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, perm|perm>>2&0o111); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, TempPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if durable {
		return syncFolder(dir)
	}
	return nil
}

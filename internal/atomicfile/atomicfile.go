// Package atomicfile replaces files atomically.
//
//	err := atomicfile.Write(name, content, 0o600)
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces a file in one step: a reader gets the old content or the new content, also
// if this process is killed. Write creates missing parent folders, with the permissions perm
// and, for everybody who may read, the permission to enter.
//
// After a power failure the file may have its old content again: see [WriteDurable].
func Write(name string, content []byte, perm fs.FileMode) error {
	return write(name, content, perm, false)
}

// WriteDurable is like Write, but returns only when the content is on the disk.
func WriteDurable(name string, content []byte, perm fs.FileMode) error {
	return write(name, content, perm, true)
}

// TempPrefix begins the names of temporary files. A killed process may leave such a file; it
// may be removed.
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

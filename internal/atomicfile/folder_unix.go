//go:build unix

package atomicfile

import (
	"errors"
	"os"
)

// syncFolder writes the names of a folder's entries to the disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

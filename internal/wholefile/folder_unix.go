//go:build unix

package wholefile

import (
	"errors"
	"os"
)

// syncFolder writes the folder's names to the disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

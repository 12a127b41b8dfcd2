//go:build unix

package wholefile

import (
	"errors"
	"os"
)

// syncFolder has the disk know the folder's names.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

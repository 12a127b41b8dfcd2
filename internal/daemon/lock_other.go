//go:build !unix

package daemon

import (
	"io"
	"os"
)

// acquire opens the lock's file; where the system has no flock nothing keeps two
// daemons of one state folder apart.
func acquire(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}

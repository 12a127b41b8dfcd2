//go:build !unix

package daemon

// writable returns nil: it does not know the permissions of this system. The first use of the
// file reports an error.
func writable(string, bool) error { return nil }

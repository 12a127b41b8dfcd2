//go:build !unix

package atomicfile

// syncFolder does nothing: this system cannot sync a folder, and does not need it.
func syncFolder(string) error { return nil }

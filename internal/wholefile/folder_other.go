//go:build !unix

package wholefile

// syncFolder does nothing: here a folder cannot be synced, nor need it be.
func syncFolder(string) error { return nil }

//go:build !unix

package wholefile

// syncFolder does nothing: on this system a folder cannot be synced, and need not be.
func syncFolder(string) error { return nil }

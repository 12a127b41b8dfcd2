//go:build !linux

package build

// Conceal has no effect here: the system hides environments from other processes of the
// user by itself, or not at all.
func Conceal() error { return nil }

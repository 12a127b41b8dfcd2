//go:build !linux

package build

// Conceal has no effect: this system offers no way to hide a process from other
// processes of the same user.
func Conceal() error { return nil }

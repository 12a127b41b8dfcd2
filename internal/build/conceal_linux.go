package build

import "syscall"

// conceal keeps other processes of the user, as the build is one, from reading
// this one's environment and memory, in which there are tokens, until show.
func conceal() (show func()) {
	before, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
	if errno != 0 || before != 1 {
		return func() {} // it is concealed already
	}
	set := func(v uintptr) { _, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, v, 0) }
	set(0)
	return func() { set(1) }
}

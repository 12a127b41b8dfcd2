package build

import (
	"sync"
	"syscall"
)

// concealed counts the builds that this process is concealed from, and whether it
// is seen when there is none.
var concealed struct {
	sync.Mutex
	builds int
	seen   bool
}

// conceal keeps other processes of the user, as the build is one, from reading
// this one's environment and memory, in which there are tokens, until show: until
// the last of several builds has ended.
func conceal() (show func()) {
	concealed.Lock()
	defer concealed.Unlock()
	if concealed.builds++; concealed.builds == 1 {
		before, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
		if concealed.seen = errno == 0 && before == 1; concealed.seen {
			setDumpable(0)
		}
	}
	return func() {
		concealed.Lock()
		defer concealed.Unlock()
		if concealed.builds--; concealed.builds == 0 && concealed.seen {
			setDumpable(1)
		}
	}
}

func setDumpable(v uintptr) {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, v, 0)
}

package workerd

import "syscall"

// dieWithParent has the kernel kill the process when we end, however we end.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

func watchParent(int) (release func()) { return func() {} }

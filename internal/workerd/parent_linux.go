package workerd

import "syscall"

// dieWithParent makes the kernel kill the process when this process ends.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

func watchParent(int) (release func()) { return func() {} }

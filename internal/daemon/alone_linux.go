package daemon

import "syscall"

// endWithUs has the kernel end a child when we are gone, however we go: nobody
// else works on a mirror when the next daemon does.
func endWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

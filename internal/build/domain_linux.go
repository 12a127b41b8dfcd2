package build

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// domain is a Landlock domain that restricts signals and ptrace: a process inside can
// signal only processes in the same domain and in nested domains. One thread of the
// supervisor is in the domain. The build is in a nested domain, so it cannot signal that
// thread.
type domain struct{ calls chan func() }

// newDomain creates a domain. It returns nil if the kernel has no such domains (before
// Linux 6.12, or without Landlock).
func newDomain() *domain {
	d := &domain{make(chan func())}
	entered := make(chan bool)
	go func() {
		runtime.LockOSThread() // permanently: no other goroutine may run in the domain
		in := enter()
		entered <- in
		if in {
			for call := range d.calls {
				call()
			}
		}
	}()
	if !<-entered {
		return nil
	}
	return d
}

// enter puts this thread into a new domain and checks that it cannot signal the parent
// process. Killing everything that the thread may signal depends on that.
func enter() bool {
	parent := os.Getppid()
	if unix.Kill(parent, 0) != nil {
		return false
	}
	return confine() == nil && restrict(unix.LANDLOCK_ACCESS_FS_REFER, allowMoves) == nil &&
		errors.Is(unix.Kill(parent, 0), unix.EPERM)
}

// do runs a function on the domain's thread.
func (d *domain) do(f func()) {
	done := make(chan struct{})
	d.calls <- func() {
		defer close(done)
		f()
	}
	<-done
}

// kill kills all processes in the domain at once, so that none can fork meanwhile.
func (d *domain) kill() {
	d.do(func() { _ = unix.Kill(-1, unix.SIGKILL) }) // -1: all that this thread may signal, except itself
}

// becomeShell enters a nested domain and executes the shell.
func becomeShell(line, guarded string, writable []string) error {
	forbidden, allow := uint64(changes), func(ruleset int) error { return allowChanges(ruleset, guarded, writable) }
	if guarded == "" {
		forbidden, allow = unix.LANDLOCK_ACCESS_FS_REFER, allowMoves
	}
	if err := restrict(forbidden, allow); err != nil {
		return err
	}
	return syscall.Exec("/bin/sh", []string{"/bin/sh", "-c", line}, os.Environ())
}

// restrict puts this thread and its children into a new domain. The domain forbids kinds
// of file access, except where allow adds a rule.
func restrict(forbidden uint64, allow func(ruleset int) error) error {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: forbidden, Scoped: unix.LANDLOCK_SCOPE_SIGNAL}
	upToScoped := unsafe.Offsetof(attr.Scoped) + unsafe.Sizeof(attr.Scoped)
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), upToScoped, 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(ruleset)) //nolint:errcheck // nothing is written
	if err := allow(int(ruleset)); err != nil {
		return err
	}
	if _, _, errno = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// confine applies the restrictions that every kernel supports to this thread and its
// children.
func confine() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return keepLimits()
}

// onNewThread runs a function on a thread that ends with it.
func onNewThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(done)
		f()
	}()
	<-done
}

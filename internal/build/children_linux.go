package build

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// listed yields the processes in /proc. Tests replace it.
var listed = listProc

// listProc yields the processes in /proc, highest number first: a process that forks and
// exits all the time is only found while it is new.
func listProc(yield func(pid int) bool) {
	dir, err := os.Open("/proc")
	if err != nil {
		return
	}
	names, _ := dir.Readdirnames(-1)
	_ = dir.Close()
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range slices.Backward(pids) {
		if !yield(pid) {
			return
		}
	}
}

// all yields every possible process number. /proc may hide processes that cannot be
// inspected (hidepid, systemd's ProtectProc=).
func all(yield func(pid int) bool) {
	highest := 1 << 22
	if b, err := os.ReadFile("/proc/sys/kernel/pid_max"); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			highest = n
		}
	}
	for pid := highest; pid > 1; pid-- {
		if !yield(pid) {
			return
		}
	}
}

// child reports whether a process is a child of this process that was not waited for.
// It does not use /proc.
func child(pid int) bool {
	var info unix.Siginfo
	return unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil) == nil
}

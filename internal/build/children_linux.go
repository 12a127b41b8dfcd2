package build

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// listedPIDs yields the processes in /proc. Tests replace it.
var listedPIDs = listProc

// listProc yields the processes in /proc, the newest (highest number) first. A process
// that forks and exits in a loop exists only for a moment, so it must be reached early.
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

// allPIDs yields every possible process number. /proc may hide processes that this
// process cannot inspect (hidepid, systemd's ProtectProc=).
func allPIDs(yield func(pid int) bool) {
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

// isChild reports whether a process is a child of this process that was not waited for.
// It does not use /proc.
func isChild(pid int) bool {
	var info unix.Siginfo
	return unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil) == nil
}

package build

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// abi is a way to call the kernel, and the number of prlimit64 in it.
type abi struct{ arch, prlimit uint32 }

// abis are the ABIs that a process of an architecture can use: a 64-bit process can make
// 32-bit calls, too.
var abis = map[string][]abi{
	"amd64": {{unix.AUDIT_ARCH_X86_64, 302}, {unix.AUDIT_ARCH_X86_64, 302 | 1<<30}, {unix.AUDIT_ARCH_I386, 340}},
	"arm64": {{unix.AUDIT_ARCH_AARCH64, 261}, {unix.AUDIT_ARCH_ARM, 369}},
}

// keepLimits prevents that this thread and its descendants set the resource limits of other
// processes of the user. A limit works like a signal: the kernel kills a process that
// exceeds its CPU time, and Landlock does not restrict limits. The filter does not know the
// number of the process, so it allows limits only for number 0, which setrlimit uses.
//
// The caller has already prevented that the thread gains privileges.
func keepLimits() error {
	filter := limitFilter(abis[runtime.GOARCH])
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER,
		uintptr(unsafe.Pointer(&program))); errno != 0 {
		return errno
	}
	return nil
}

// Offsets in the kernel's struct seccomp_data, and of the lower half of an argument. The
// machines in abis are little-endian.
const (
	callNumber, callArch = 0, 4
	pidArgument          = 16
	newLimitArgument     = 32
)

// limitFilter returns a program that refuses prlimit64 with a process and a new limit.
func limitFilter(abis []abi) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	skipUnless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
	}
	skipIf := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jt: skip}
	}
	end := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	var out []unix.SockFilter
	for _, a := range abis {
		out = append(out, load(callArch), skipUnless(a.arch, 9), load(callNumber), skipUnless(a.prlimit, 7),
			load(pidArgument), skipIf(0, 5),
			load(newLimitArgument), skipUnless(0, 2),
			load(newLimitArgument+4), skipIf(0, 1),
			end(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)))
	}
	return append(out, end(unix.SECCOMP_RET_ALLOW))
}

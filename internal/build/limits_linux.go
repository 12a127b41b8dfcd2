package build

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// abi is an ABI for system calls. prlimit is the number of prlimit64 in it.
type abi struct{ arch, prlimit uint32 }

// abis are the ABIs of each architecture. A 64-bit process can also make 32-bit calls.
var abis = map[string][]abi{
	"amd64": {{unix.AUDIT_ARCH_X86_64, 302}, {unix.AUDIT_ARCH_X86_64, 302 | 1<<30}, {unix.AUDIT_ARCH_I386, 340}},
	"arm64": {{unix.AUDIT_ARCH_AARCH64, 261}, {unix.AUDIT_ARCH_ARM, 369}},
}

// keepLimits installs a seccomp filter that keeps this thread and its children from
// setting resource limits of other processes. A limit of CPU time would kill a process,
// and Landlock does not cover limits. The filter cannot see which process makes the call,
// so it allows only process number 0, the caller, which setrlimit uses.
//
// PR_SET_NO_NEW_PRIVS must be set before.
func keepLimits() error {
	filter := limitFilter(abis[runtime.GOARCH])
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Offsets in the kernel's struct seccomp_data. An argument has 64 bits: its offset is
// that of the lower half, because all architectures in abis are little-endian.
const (
	callNumber, callArch = 0, 4
	pidArgument          = 16
	newLimitArgument     = 32
)

// limitFilter returns a BPF program that refuses a call of prlimit64 that sets a limit of
// a process given by its number.
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

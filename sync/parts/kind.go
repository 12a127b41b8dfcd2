package parts

import "strings"

// Kind is what the entries of a sequence are.
type Kind byte

// The sequences of a root, in their order.
const (
	Files       Kind = 1
	Directories Kind = 2
	Retired     Kind = 3
)

// kinds are all kinds, in the order of a root.
var kinds = [...]Kind{Files, Directories, Retired}

// valid reports whether a reader knows the kind.
func (k Kind) valid() bool { return k >= Files && k <= Retired }

// String names the entries.
func (k Kind) String() string {
	if !k.valid() {
		return "unknown entries"
	}
	return [...]string{"files", "directories", "retired files"}[k-1]
}

// compare compares two paths: first their directories, then their names. So the files of one
// directory are neighbours, and a deploy reads only the parts of the directories that changed.
func compare(a, b string) int {
	i, j := max(strings.LastIndexByte(a, '/'), 0), max(strings.LastIndexByte(b, '/'), 0)
	if c := strings.Compare(a[:i], b[:j]); c != 0 {
		return c
	}
	return strings.Compare(a[i:], b[j:])
}

// directory returns the path of the directory that has a file.
func directory(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 1)]
}

// recordSize is the length of a record, in bytes.
func (k Kind) recordSize() int {
	if k == Directories {
		return 2
	}
	return recordBytes
}

// tailSize is the length of an entry in the tail, in bytes.
func (k Kind) tailSize() int { return [...]int{12, 0, 20}[k-1] }

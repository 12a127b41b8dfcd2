// Package parts stores the manifest of a large site as a root and immutable parts, which
// deployments share. It sends no request. docs/format.md specifies the format.
//
// A [Root] lists the parts of three sequences of entries: files, directories and retired files.
// [Load] fetches the parts of a root; the resulting [Tree] is the base of the next deployment.
// [Follow] encodes a manifest on top of that base: it returns a new root, and only the parts that
// the base does not have.
package parts

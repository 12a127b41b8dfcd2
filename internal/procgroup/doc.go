// Package procgroup runs a command in a process group of its own and ends the whole
// group: when the caller asks for it, when the command's context ends, and when this
// process ends or is killed. A process that has left the group is not ended.
//
// [Start] runs a command in a new process group. [Group.Terminate], [Group.Kill] and
// [Group.End] signal the group. [Detach] gives a command no terminal. On a system
// without process groups (Windows) only the command itself is ended.
package procgroup

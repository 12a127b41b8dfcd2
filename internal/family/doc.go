// Package family runs a command so that no process of it outlives this one: not a
// process that it leaves in the background, and not when this process is killed.
// A daemon that has left the command's process group is not reached.
//
// [Start] runs a command in a process group of its own. [Family.Ask], [Family.Kill]
// and [Family.End] reach the whole group. [Detach] prepares a command that is to
// have no terminal either. Where the system has no process groups (Windows), only
// the command itself is ended.
package family

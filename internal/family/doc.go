// Package family runs a command so that nothing of it outlives us: not what it
// leaves in the background, not when we are killed. (Daemons that have left the
// command's process group are their own masters.)
package family

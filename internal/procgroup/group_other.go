//go:build !unix

package procgroup

import "os/exec"

// Group is a running command, without the processes that it starts.
type Group struct{ cmd *exec.Cmd }

// Detach does nothing on this system.
func Detach(*exec.Cmd) {}

// Start runs the command.
func Start(cmd *exec.Cmd) (*Group, error) { return &Group{cmd}, cmd.Start() }

// Terminate kills the command: this system has no SIGTERM.
func (g *Group) Terminate() { g.End() }

// Kill kills the command.
func (g *Group) Kill() { g.End() }

// End kills the command.
func (g *Group) End() { _ = g.cmd.Process.Kill() }

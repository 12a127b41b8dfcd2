//go:build !unix

package family

import "os/exec"

// Family is a command. Here the processes that it starts cannot be reached.
type Family struct{ cmd *exec.Cmd }

// Detach does nothing here.
func Detach(*exec.Cmd) {}

// Start runs the command.
func Start(cmd *exec.Cmd) (*Family, error) { return &Family{cmd}, cmd.Start() }

// Ask kills the command: here a process cannot be asked to end.
func (f *Family) Ask() { f.End() }

// Kill kills the command.
func (f *Family) Kill() { f.End() }

// End kills the command.
func (f *Family) End() { _ = f.cmd.Process.Kill() }

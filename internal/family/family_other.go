//go:build !unix

package family

import "os/exec"

// Family is a command. What it starts is beyond our reach here.
type Family struct{ cmd *exec.Cmd }

// Start runs the command.
func Start(cmd *exec.Cmd) (*Family, error) { return &Family{cmd}, cmd.Start() }

// Ask ends it: here nobody can be asked to.
func (f *Family) Ask() { f.End() }

// Kill kills it.
func (f *Family) Kill() { f.End() }

// End kills it.
func (f *Family) End() { _ = f.cmd.Process.Kill() }

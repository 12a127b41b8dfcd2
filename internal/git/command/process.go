package command

import (
	"context"
	"io"
	"os/exec"

	"github.com/kv-sync/kv-sync/internal/procgroup"
)

// Process is a long-running git command that answers requests on In through Out.
type Process struct {
	In  io.WriteCloser
	Out io.Reader

	args  []string
	cmd   *exec.Cmd
	text  *messages
	group *procgroup.Group
}

// Start starts a long-running command. The end of ctx does not end it; the caller calls End.
func (g *Git) Start(ctx context.Context, args ...string) (*Process, error) {
	p := &Process{args: args, cmd: g.command(context.WithoutCancel(ctx), args, nil), text: &messages{}}
	p.cmd.Stderr = p.text
	var err error
	if p.In, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.Out, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if p.group, err = procgroup.Start(p.cmd); err != nil {
		return nil, newError(args, "", err)
	}
	return p, nil
}

// Kill kills git and its child processes, so that a read of Out ends. The caller still
// has to call End.
func (p *Process) Kill() { p.group.Kill() }

// End kills the process and waits until it has ended.
func (p *Process) End() {
	_ = p.In.Close()
	p.group.Kill()
	_ = p.cmd.Wait()
	p.group.End()
}

// Fail ends the process after a failed read or write, and returns the [*Error]
// that says why.
func (p *Process) Fail(cause error) error {
	p.End()
	return newError(p.args, p.text.String(), cause)
}

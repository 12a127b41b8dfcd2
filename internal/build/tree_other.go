//go:build !linux

package build

import (
	"os"
	"os/exec"

	"github.com/kv-sync/kv-sync/internal/procgroup"
)

// tree is a running build: the processes of its process group.
type tree struct {
	cmd   *exec.Cmd
	group *procgroup.Group
}

func start(c Command, output *os.File) (*tree, error) {
	cmd := exec.Command("/bin/sh", "-c", c.Line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, output, output
	group, err := procgroup.Start(cmd)
	if err != nil {
		return nil, err
	}
	return &tree{cmd, group}, nil
}

func (t *tree) terminate() { t.group.Terminate() }

func (t *tree) kill() { t.group.Kill() }

// wait waits for the shell and ends its background processes.
func (t *tree) wait() error {
	err := t.cmd.Wait()
	t.group.End()
	return err
}

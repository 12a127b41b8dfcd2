//go:build !linux

package build

import (
	"os"
	"os/exec"

	"github.com/kv-sync/kv-sync/internal/family"
)

// tree is a running build: the processes of its process group.
type tree struct {
	cmd    *exec.Cmd
	family *family.Family
}

func start(c Command, output *os.File) (*tree, error) {
	cmd := exec.Command("/bin/sh", "-c", c.Line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, output, output
	f, err := family.Start(cmd)
	if err != nil {
		return nil, err
	}
	return &tree{cmd, f}, nil
}

func (t *tree) terminate() { t.family.Ask() }

func (t *tree) kill() { t.family.Kill() }

// wait waits for the shell and ends its background processes.
func (t *tree) wait() error {
	err := t.cmd.Wait()
	t.family.End()
	return err
}

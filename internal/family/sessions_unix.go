//go:build unix

package family

import (
	"os/exec"
	"sync"
	"syscall"
)

// sessions are those of the commands that this process has started in a session
// of their own and that have not ended.
var sessions = struct {
	sync.Mutex
	started map[int]bool
}{started: map[int]bool{}}

// StartSession starts a command in a new session. [Started] knows the session
// until [EndSession].
func StartSession(cmd *exec.Cmd) error {
	sessions.Lock() // Started must not miss a session that exists already
	defer sessions.Unlock()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid = true
	if err := cmd.Start(); err != nil {
		return err
	}
	sessions.started[cmd.Process.Pid] = true
	return nil
}

// EndSession forgets the session of a command that has been waited for.
func EndSession(cmd *exec.Cmd) {
	sessions.Lock()
	defer sessions.Unlock()
	delete(sessions.started, cmd.Process.Pid)
}

// Started reports whether this process started a session that has not ended.
func Started(session int) bool {
	sessions.Lock()
	defer sessions.Unlock()
	return sessions.started[session]
}

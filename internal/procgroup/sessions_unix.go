//go:build unix

package procgroup

import (
	"os/exec"
	"sync"
	"syscall"
)

// sessions has the ids of the sessions that this process started and that have not ended.
var sessions = struct {
	sync.Mutex
	started map[int]bool
}{started: map[int]bool{}}

// StartSession starts a command in a new session. [Started] reports the session
// until [EndSession] is called.
func StartSession(cmd *exec.Cmd) error {
	sessions.Lock() // until the session is recorded: Started must not miss it
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

// EndSession removes the session of a command that has been waited for.
func EndSession(cmd *exec.Cmd) {
	sessions.Lock()
	defer sessions.Unlock()
	delete(sessions.started, cmd.Process.Pid)
}

// Started reports whether this process started the session and [EndSession] was not called.
func Started(session int) bool {
	sessions.Lock()
	defer sessions.Unlock()
	return sessions.started[session]
}

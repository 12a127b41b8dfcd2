//go:build unix

package family

import (
	"os/exec"
	"sync"
	"syscall"
)

// sessions holds the running commands that this process started in a session of
// their own.
var sessions = struct {
	sync.Mutex
	started map[int]bool
}{started: map[int]bool{}}

// StartSession starts a command in a new session. [Started] reports the session
// until [EndSession] is called.
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

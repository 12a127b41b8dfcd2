//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// Ctrl-C during the hook ends the push. The remote has no new commit, and nothing goes live.
func TestInterruptedPush(t *testing.T) {
	for _, mode := range []string{"check", "upload", "deploy"} {
		t.Run(mode, func(t *testing.T) {
			f := newForge(t)
			f.must(f.work, "kv-sync", "hook", "install", "--pre-push", mode)
			for i := range 20 {
				write(t, filepath.Join(f.work, "public", fmt.Sprintf("%d.html", i)), fmt.Sprint(i))
			}
			f.commit("two")
			f.env = append(f.env, f.account()...)
			kind := map[string]string{"check": "workers.deployments.list", "upload": "kv.bulk.put",
				"deploy": "kv.bulk.put"}[mode]
			came, release := f.hold(kind, platform.Fault{})
			push := f.command(f.work, "git", "push", "-q", "origin", "main")
			push.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			var said strings.Builder
			push.Stderr = &said
			if err := push.Start(); err != nil {
				t.Fatal(err)
			}
			f.wait(came)
			if err := syscall.Kill(-push.Process.Pid, syscall.SIGINT); err != nil { // as a terminal does
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- push.Wait() }()
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the push succeeded")
				}
			case <-time.After(hangLimit):
				t.Error("the push did not end")
			}
			release()
			f.p.Server.SetFault(nil)
			if refs := f.must(f.bare, "git", "for-each-ref"); refs != "" {
				t.Errorf("the remote has %s\n%s", refs, &said)
			}
			if got := f.live(); got != "" {
				t.Errorf("live is %s", got)
			}
			// The interrupted deploy does not prevent the next one.
			if out := f.must(f.work, "git", "push", "origin", "main"); strings.Contains(out, "not ") {
				t.Errorf("the next push says\n%s", out)
			}
		})
	}
}

// Ctrl-C of a client on the same machine reaches the hook of the server. The push is complete
// by then, so the deploy continues.
func TestInterruptedReceive(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			f := newForge(t)
			f.serve()
			head := f.must(f.work, "git", "rev-parse", "HEAD")
			came, release := f.hold("kv.bulk.put", platform.Fault{})
			push := f.command(f.work, "git", "push", "-q", "origin", "main")
			push.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := push.Start(); err != nil {
				t.Fatal(err)
			}
			f.wait(came)
			if err := syscall.Kill(-push.Process.Pid, signal); err != nil { // as a terminal does
				t.Fatal(err)
			}
			_ = push.Wait()
			release()
			if !eventually(func() bool { return f.live() == head }) {
				t.Fatal("the received commit is not live")
			}
		})
	}
}

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// TestDaemonHidesItsSecrets checks that no other process of the daemon's user can read the
// daemon's memory or environment, and that its child processes have none of its secrets.
func TestDaemonHidesItsSecrets(t *testing.T) {
	// Take root's right to read every process from the child processes.
	runtime.LockOSThread()
	for _, capability := range []uintptr{unix.CAP_SYS_PTRACE, unix.CAP_SYS_ADMIN, unix.CAP_PERFMON} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && os.Geteuid() == 0 {
			t.Fatal(err)
		}
	}
	fetching, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case fetching <- struct{}{}:
		case <-release:
		}
		<-release
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	defer close(release)
	dir := t.TempDir()
	config := filepath.Join(dir, "daemon.toml")
	write(t, config, fmt.Sprintf("state = \"state\"\npoll = \"0\"\n[[site]]\nname = \"victim\"\nremote = "+
		"%q\nwebhook-secret-env = \"HOOK\"\n", server.URL+"/site.git"))
	t.Setenv("HOOK", "hook-s3cret-value")
	t.Setenv("BESIDE", "Bearer hook-s3cret-value")
	d := &daemonProcess{victim: &victim{t: t, p: platformtest.Start(t)}, config: config}
	d.start()
	<-fetching
	read := func(pid int, file string) (string, error) {
		out, err := exec.Command("head", "-c", "100000", fmt.Sprintf("/proc/%d/%s", pid, file)).Output()
		return string(out), err
	}
	for _, file := range []string{"environ", "maps"} {
		if text, err := read(d.cmd.Process.Pid, file); err == nil || text != "" {
			t.Errorf("/proc/PID/%s of the daemon shows %d bytes", file, len(text))
		}
	}
	gits := 0
	list, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range list {
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		text, err := read(pid, "environ")
		if err != nil || !strings.Contains(text, "KV_SYNC_FAMILY="+config+"\x00") {
			continue
		}
		gits++
		if strings.Contains(text, "s3cret") || strings.Contains(text, d.p.Token) {
			t.Errorf("process %d has a secret", pid)
		}
	}
	if gits == 0 {
		t.Error("no child process could be read, so the test proves nothing")
	}
}

// The daemon removes variables with Cloudflare's names, and variables that contain a secret.
func TestDaemonHidesCredentials(t *testing.T) {
	for name, value := range map[string]string{"CLOUDFLARE_X": "1", "CF_X": "1", "OTHER_SECRET": "x-s3cret-y",
		"PLAIN_X": "1"} {
		t.Setenv(name, value)
	}
	hideCredentials(os.Environ(), []string{"s3cret"})
	for name, want := range map[string]string{"CLOUDFLARE_X": "", "CF_X": "", "OTHER_SECRET": "", "PLAIN_X": "1"} {
		if got := os.Getenv(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

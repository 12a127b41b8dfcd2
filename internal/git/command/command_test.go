//go:build unix

package command_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// scripted replaces the git program by a shell script. The script reports to the test by
// writing to the returned FIFO, whose path it has in $REPORT.
func scripted(t *testing.T, script string) (g *command.Git, report string) {
	t.Helper()
	dir := t.TempDir()
	text := "#!/bin/sh\n" + script
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(text), 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	report = filepath.Join(dir, "report")
	if err := syscall.Mkfifo(report, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return command.New(command.Options{Set: []string{"REPORT=" + report}}), report
}

func TestRun(t *testing.T) {
	g := command.New(command.Options{Dir: t.TempDir()})
	if out, err := g.Run(t.Context(), "init", "-q", "."); err != nil || out != "" {
		t.Fatalf("%q, %v", out, err)
	}
	out, err := g.Do(
		t.Context(),
		command.Call{Args: []string{"hash-object", "--stdin"}, Stdin: strings.NewReader("hello\n")},
	)
	if err != nil || out != "ce013625030ba8dba906f756967f9e9ca394464a\n" {
		t.Errorf("%q, %v", out, err)
	}
	if line, err := g.Line(t.Context(), "rev-parse", "--is-bare-repository", "--is-inside-git-dir"); err != nil ||
		line != "false" {
		t.Errorf("%q, %v", line, err)
	}
}

// A failure says which command it was, its exit code and all that git said, in one
// line.
func TestFailure(t *testing.T) {
	g, _ := scripted(t, "for i in 1 2 3 4; do echo line $i >&2; echo >&2; done; exit 3\n")
	_, err := g.Run(t.Context(), "-c", "a.b=c", "fetch", "origin")
	failed := (*command.Error)(nil)
	if !errors.As(err, &failed) || failed.Command != "fetch" || failed.Code != 3 ||
		!strings.HasPrefix(failed.Text, "line 1\n") {
		t.Fatalf("%#v", err)
	}
	if want := "git fetch: line 1; line 2; line 3; line 4 (exit status 3)"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := g.Run(t.Context(), "fetch"); !errors.Is(err, exec.ErrNotFound) ||
		!strings.Contains(err.Error(), "install git") {
		t.Errorf("without git: %v", err)
	}
	if command.Available() {
		t.Error("git is available on an empty PATH")
	}
}

// The beginning and the end of long messages are kept: ssh gives its reason first, and
// a server that sends pages of advice before it refuses gives its own last.
func TestLongMessages(t *testing.T) {
	g, _ := scripted(t, "echo first >&2; seq 100000 >&2; printf last >&2; exit 3\n")
	_, err := g.Run(t.Context(), "fetch")
	if text := fmt.Sprint(err); !strings.HasPrefix(text, "git fetch: first; 1; 2; ") || !strings.Contains(text, "; …; ") ||
		!strings.HasSuffix(text, "; 100000; last (exit status 3)") || len(text) > 8<<10 {
		t.Errorf("%d bytes: %.100s … %s", len(text), text, text[max(0, len(text)-100):])
	}
}

// Ignored lines do not count, however many they are.
func TestIgnoredMessages(t *testing.T) {
	g, _ := scripted(t, "seq 100000 >&2; echo reason >&2; seq 100000 >&2; exit 3\n")
	_, err := g.Do(t.Context(), command.Call{Args: []string{"fsck"}, Ignore: regexp.MustCompile(`^\d+$`)})
	if failed := (*command.Error)(nil); !errors.As(err, &failed) || failed.Text != "reason" {
		t.Errorf("got %.100v", err)
	}
}

func TestOutputIsBounded(t *testing.T) {
	g, _ := scripted(t, "echo 12345678\n")
	for limit, ok := range map[int]bool{9: true, 8: false} {
		out, err := g.Do(t.Context(), command.Call{Args: []string{"log"}, MaxOutput: limit})
		if (err == nil) != ok || out != "" != ok {
			t.Errorf("with a bound of %d: %q, %v", limit, out, err)
		}
	}
}

// git runs in a session of its own. So it has no terminal at which its helpers could prompt.
func TestNoTerminal(t *testing.T) {
	g, report := scripted(t, "echo $$ >$REPORT; read line\n")
	p, err := g.Start(t.Context(), "fetch")
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	id := pid(t, report)
	if session, err := unix.Getsid(id); err != nil || session != id {
		t.Errorf("process %d is in session %d, %v", id, session, err)
	}
}

// stubborn is a script that starts a helper and waits for it. The helper ignores SIGTERM and
// reports its process id.
const stubborn = "(trap '' TERM; echo $$ >$REPORT; exec sleep 1000) >/dev/null 2>&1 &\nwait\n"

// pid reads the process id that a script reports.
func pid(t *testing.T, report string) int {
	t.Helper()
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// gone waits until a process group has ended.
func gone(t *testing.T, group int) {
	t.Helper()
	for syscall.Kill(-group, 0) == nil {
		select {
		case <-t.Context().Done():
			t.Fatal("the helper is still there")
		case <-time.After(time.Millisecond):
		}
	}
}

// A cancellation also ends the child processes of git.
func TestCancellationEndsChildren(t *testing.T) {
	g, report := scripted(t, stubborn)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	done := make(chan error, 1)
	go func() {
		_, err := g.Run(ctx, "fetch")
		done <- err
	}()
	group := pid(t, report)
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	gone(t, group)
}

// The end of the time limit also ends the child processes of git. The error names the limit. On a
// busy machine the limit may end before the helper reports, so it doubles until the helper does.
func TestLimitEndsChildren(t *testing.T) {
	g, report := scripted(t, stubborn)
	// With a reader, the helper does not wait in its report. A read does not wait either.
	reports, err := unix.Open(report, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(reports)
	for limit := 50 * time.Millisecond; ; limit *= 2 {
		_, err := g.Do(t.Context(), command.Call{Args: []string{"fetch"}, Limit: limit})
		if failed := (*command.Error)(nil); !errors.As(err, &failed) || failed.Code != -1 ||
			!strings.Contains(err.Error(), fmt.Sprintf("it took too long (more than %v)", limit)) {
			t.Fatalf("got %v", err)
		}
		text := make([]byte, 32)
		if n, err := unix.Read(reports, text); err == nil {
			group, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
			if err != nil {
				t.Fatal(err)
			}
			gone(t, group)
			return
		} else if !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
	}
}

// A started process answers requests. After it failed, the error has its standard error.
func TestStart(t *testing.T) {
	g, _ := scripted(t, "while read line; do echo \"answer $line\"; done; echo the end >&2; exit 2\n")
	p, err := g.Start(t.Context(), "cat-file", "--batch")
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(p.Out)
	for _, question := range []string{"one", "two"} {
		if _, err := io.WriteString(p.In, question+"\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := out.ReadString('\n'); err != nil || line != "answer "+question+"\n" {
			t.Errorf("%q, %v", line, err)
		}
	}
	if err := p.In.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = out.ReadString('\n')
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := p.Fail(err); !errors.Is(err, io.EOF) || !strings.HasPrefix(err.Error(), "git cat-file: the end (") {
		t.Errorf("got %v", err)
	}
	p.End() // it may be called again
}

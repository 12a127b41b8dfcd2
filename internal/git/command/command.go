package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/procgroup"
)

const (
	// maxOutput is the default of [Call].MaxOutput.
	maxOutput = 64 << 20
	// maxText bounds how much of git's standard error is kept.
	maxText = 16 << 10
	// timeToEnd is how long git has to remove its locks after it is asked to end.
	timeToEnd = 5 * time.Second
)

// Available reports whether there is a git program on PATH.
func Available() bool {
	_, err := exec.LookPath("git")
	return err == nil
}

// Git runs git commands that work on one repository. It is safe for concurrent
// use.
type Git struct {
	dir     string
	environ []string
}

// New returns the git that the options describe. It reads the environment now, not at each run.
func New(o Options) *Git { return &Git{o.Dir, o.environ()} }

// Call is one run of git.
type Call struct {
	Args []string
	// Stdin is git's standard input; nil means empty.
	Stdin io.Reader
	// Limit is how long git may take; 0 means no limit but the context.
	Limit time.Duration
	// MaxOutput is how many bytes git may print; 0 means 64 MiB.
	MaxOutput int
	// Set are variables ("NAME=value") for this run.
	Set []string
}

// Run runs git to its end and returns what it printed.
func (g *Git) Run(ctx context.Context, args ...string) (string, error) {
	return g.Do(ctx, Call{Args: args})
}

// Line runs git like [Git.Run] and returns the first line of its output, trimmed.
func (g *Git) Line(ctx context.Context, args ...string) (string, error) {
	out, err := g.Run(ctx, args...)
	line, _, _ := strings.Cut(out, "\n")
	return strings.TrimSpace(line), err
}

// errSlow is the cause of a run that exceeded its [Call].Limit.
var errSlow = errors.New("it took too long")

// Do runs git to its end and returns what it printed. The error is an [*Error],
// or that of the context.
func (g *Git) Do(ctx context.Context, c Call) (string, error) {
	timed := ctx
	if c.Limit > 0 {
		cause := fmt.Errorf("%w (more than %s)", errSlow, c.Limit)
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeoutCause(ctx, c.Limit, cause)
		defer cancel()
	}
	cmd := g.command(timed, c.Args, c.Set)
	if c.MaxOutput == 0 {
		c.MaxOutput = maxOutput
	}
	out, text := &bounded{limit: c.MaxOutput}, &bounded{limit: maxText}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, out, text
	group, err := procgroup.Start(cmd)
	if err == nil {
		err = cmd.Wait()
		group.End()
	}
	switch {
	case err == nil && out.over:
		err = fmt.Errorf("it printed more than %d bytes", c.MaxOutput)
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case timed.Err() != nil:
		err = context.Cause(timed)
	}
	return "", newError(c.Args, text.String(), err)
}

// command prepares a process of git.
func (g *Git) command(ctx context.Context, args, set []string) *exec.Cmd {
	// The repository's configuration can name a program here; it must not run.
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false"}, args...)...)
	cmd.Dir, cmd.Env = g.dir, append(slices.Clone(g.environ), set...)
	cmd.WaitDelay = timeToEnd
	procgroup.Detach(cmd)
	return cmd
}

// Error is a git command that failed.
type Error struct {
	// Command is git's subcommand, such as "fetch".
	Command string
	// Code is the exit code; -1 if git was killed or did not start.
	Code int
	// Text is what git wrote to standard error, without white space around it.
	Text string
	// Err is the cause: an [*exec.ExitError], [exec.ErrNotFound], or the reason why kv-sync
	// ended git.
	Err error
}

func newError(args []string, text string, err error) *Error {
	e := &Error{Command: subcommand(args), Code: -1, Text: strings.TrimSpace(text), Err: err}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		e.Code = exit.ExitCode()
	}
	return e
}

// Error contains the last lines of git's standard error, which name the reason.
func (e *Error) Error() string {
	switch {
	case errors.Is(e.Err, exec.ErrNotFound):
		return "there is no git command on PATH; install git"
	case e.Text == "":
		return fmt.Sprintf("git %s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("git %s: %.1000s (%v)", e.Command, lastLines(e.Text, 3), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// subcommand returns the first argument that is neither an option nor its value.
func subcommand(args []string) string {
	for i, a := range args {
		if !strings.HasPrefix(a, "-") && (i == 0 || args[i-1] != "-c" && args[i-1] != "-C") {
			return a
		}
	}
	return ""
}

// lastLines joins the last n lines that are not blank.
func lastLines(s string, n int) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// bounded keeps the first limit bytes that are written to it. The buffer is not embedded,
// because [io.Copy] would use its ReadFrom, which ignores the limit.
type bounded struct {
	kept  bytes.Buffer
	limit int
	over  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	fits := min(len(p), b.limit-b.kept.Len())
	b.over = b.over || fits < len(p)
	b.kept.Write(p[:fits])
	return len(p), nil
}

func (b *bounded) String() string { return b.kept.String() }

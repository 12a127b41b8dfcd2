package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/procgroup"
)

const (
	// maxOutput is the default of [Call].MaxOutput.
	maxOutput = 64 << 20
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
	// Ignore matches the lines of git's messages that are not kept; nil keeps all.
	Ignore *regexp.Regexp
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
	out, text := &bounded{limit: c.MaxOutput}, &messages{ignore: c.Ignore}
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
	// core.fsmonitor in the configuration of the repository can name a program. It must not run.
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false"}, args...)...)
	cmd.Dir, cmd.Env = g.dir, append(slices.Clone(g.environ), set...)
	cmd.WaitDelay = timeToEnd
	procgroup.Detach(cmd)
	return cmd
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

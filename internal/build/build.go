package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/kv-sync/kv-sync/internal/family"
)

// Command is a build.
type Command struct {
	// Line is what a person would type: /bin/sh runs it.
	Line string
	// Dir is the folder that it runs in.
	Dir string
	// Env is its whole environment: see [Environment].
	Env []string
	// Timeout ends it; 0 is an hour.
	Timeout time.Duration
	// Output gets what it prints, on stdout and on stderr, as it comes; nil
	// discards it.
	Output io.Writer
}

const defaultTimeout = time.Hour

// farewell is how long a build that is ended may take to clean up after itself.
const farewell = 5 * time.Second

// Error says that a build failed.
type Error struct {
	Line string
	// Code is the exit code, -1 where it has none.
	Code  int
	cause error
}

// Error names the command and what became of it.
func (e *Error) Error() string { return fmt.Sprintf("build %q: %v", e.Line, e.cause) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Run runs the build and waits for its end. If the context ends first, or the
// time is up, all its processes are asked to end and then made to; whatever they
// started in the background ends with the build, too, and with this process,
// however that ends. (Daemons that have left the build's process group are
// their own masters.)
//
// A failure is an [*Error], but that of a context that was cancelled is the
// context's.
func (c Command) Run(ctx context.Context) error {
	limit := c.Timeout
	if limit == 0 {
		limit = defaultTimeout
	}
	timed, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was ended after %s", limit))
	defer cancel()
	err := c.run(timed)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("build %q: %w", c.Line, context.Cause(ctx))
	case timed.Err() != nil:
		return &Error{Line: c.Line, Code: -1, cause: context.Cause(timed)}
	case err != nil:
		failed := &Error{Line: c.Line, Code: -1, cause: err}
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			failed.Code = exit.ExitCode()
		}
		return failed
	}
	return nil
}

func (c Command) run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return errors.New("builds are run on Linux and macOS only; run the build by hand, and kv-sync without one")
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // only read
	cmd := exec.Command("/bin/sh", "-c", c.Line)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdout, cmd.Stderr = theirs, theirs
	defer conceal()()
	brood, err := family.Start(cmd)
	_ = theirs.Close()
	if err != nil {
		return err
	}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		c.print(out)
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		brood.Ask()
		select {
		case err = <-ended:
		case <-time.After(farewell):
			brood.End()
			err = <-ended
		}
	}
	brood.End() // what it left in the background
	select {
	case <-printed:
	case <-time.After(time.Second): // a daemon of its own holds the pipe
	}
	return err
}

// print passes on what comes. An output that cannot be written to does not stop
// the build.
func (c Command) print(from io.Reader) {
	to := c.Output
	if to == nil {
		to = io.Discard
	}
	if _, err := io.Copy(to, from); err != nil {
		_, _ = io.Copy(io.Discard, from)
	}
}

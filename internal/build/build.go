package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// Command is a build.
type Command struct {
	// Line is a command line for /bin/sh.
	Line string
	// Dir is the working directory.
	Dir string
	// Env is the whole environment; see [Environment].
	Env []string
	// Timeout limits how long the build may run. The default is an hour.
	Timeout time.Duration
	// Output receives stdout and stderr as they are written. nil discards them.
	Output io.Writer
	// Confined restricts the build on Linux: it cannot gain privileges (sudo). Since
	// Linux 6.12 it also cannot signal, trace or inspect processes outside of the build.
	Confined bool
	// Guarded is a folder that a confined build cannot change (Linux 6.12), or "". A
	// confined build also cannot create entries directly in the parents of that folder.
	// Writable are folders inside Guarded that the build may change. All paths are
	// absolute.
	Guarded  string
	Writable []string
}

const defaultTimeout = time.Hour

// gracePeriod is how long a cancelled build may take to clean up.
const gracePeriod = 5 * time.Second

// Error is a failed build.
type Error struct {
	Line string
	// Code is the exit code, or -1 if there is none.
	Code  int
	cause error
}

// Error names the command and the cause.
func (e *Error) Error() string { return fmt.Sprintf("build %q: %v", e.Line, e.cause) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Run runs the build and waits for its end. When the context ends or the time is up, it
// sends SIGTERM to the build's processes and then kills them.
//
// On Linux no process of the build survives Run or the end of this process, as doc.go
// explains. Elsewhere that is true for the processes in the build's process group.
//
// A failure is an [*Error]. After a cancellation it is the context's error.
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
		if exit := (interface{ ExitCode() int })(nil); errors.As(err, &exit) {
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
		return errors.New("builds run on Linux and macOS only; run the build by hand, and kv-sync without one")
	}
	if err := Conceal(); err != nil {
		return err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // only read
	tree, err := start(c, in)
	_ = in.Close()
	if err != nil {
		return err
	}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		c.print(out)
	}()
	ended := make(chan error, 1)
	go func() { ended <- tree.wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		tree.terminate()
		select {
		case err = <-ended:
		case <-time.After(gracePeriod):
			tree.kill()
			err = <-ended
		}
	}
	select {
	case <-printed:
	case <-time.After(time.Second): // a process outside of the build may keep the pipe open
	}
	return err
}

// print copies the output. A write error does not stop the build.
func (c Command) print(from io.Reader) {
	to := c.Output
	if to == nil {
		to = io.Discard
	}
	if _, err := io.Copy(to, from); err != nil {
		_, _ = io.Copy(io.Discard, from)
	}
}

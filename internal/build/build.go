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
	// Confined keeps the build, on Linux, from gaining privileges (sudo), and since
	// Linux 6.12 also from signalling or tracing a process that is not its own, and
	// from reading such a process's environment.
	Confined bool
	// Guarded, if not "", is a folder that a confined build cannot change, but for
	// the folders Writable in it, since Linux 6.12. It cannot make new entries in the
	// folders above either. All are absolute.
	Guarded  string
	Writable []string
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
// time is up, its processes are asked to end and then killed.
//
// On Linux no process of the build survives Run, nor the death of this process,
// whatever it did to get away: doc.go says how. Elsewhere that holds for the
// processes that stay in the build's process group.
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
		return errors.New("builds are run on Linux and macOS only; run the build by hand, and kv-sync without one")
	}
	if err := Conceal(); err != nil {
		return err
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // only read
	tree, err := start(c, theirs)
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
	go func() { ended <- tree.wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		tree.ask()
		select {
		case err = <-ended:
		case <-time.After(farewell):
			tree.end()
			err = <-ended
		}
	}
	select {
	case <-printed:
	case <-time.After(time.Second): // a process that is not the build's holds the pipe
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

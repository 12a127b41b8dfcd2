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
	// Line is the command line, which /bin/sh runs.
	Line string
	// Dir is the folder that it runs in.
	Dir string
	// Env is its whole environment: see [Environment].
	Env []string
	// Timeout ends it; 0 is an hour.
	Timeout time.Duration
	// Output gets its stdout and stderr. Nil discards them.
	Output io.Writer
	// Confined prevents, on Linux, that the build gains privileges (sudo). Since Linux
	// 6.12 it also prevents that the build signals or traces other processes, or reads
	// their environment.
	Confined bool
	// Guarded, if not "", is a folder that a confined build cannot change, except the
	// folders Writable in it (Linux 6.12). It cannot create entries in the folders
	// above, either. All are absolute.
	Guarded  string
	Writable []string
}

const defaultTimeout = time.Hour

// farewell is how long a build may take to clean up when it is ended.
const farewell = 5 * time.Second

// Error says that a build failed.
type Error struct {
	Line string
	// Code is the exit code, or -1 if there is none.
	Code  int
	cause error
}

// Error returns the command and the cause.
func (e *Error) Error() string { return fmt.Sprintf("build %q: %v", e.Line, e.cause) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Run runs the build and waits for its end. If the context ends or the timeout passes, Run
// asks its processes to end, and then kills them.
//
// On Linux no process of the build survives Run or this process, whatever it tries: doc.go
// says how. On other systems that holds for the processes in the build's process group.
//
// A failure is an [*Error]. If the context was cancelled, it is the error of the context.
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

// print copies the output of the build. An error of the destination does not stop the
// build.
func (c Command) print(from io.Reader) {
	to := c.Output
	if to == nil {
		to = io.Discard
	}
	if _, err := io.Copy(to, from); err != nil {
		_, _ = io.Copy(io.Discard, from)
	}
}

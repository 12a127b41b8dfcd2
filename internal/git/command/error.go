package command

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

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

// Error contains all of git's standard error in one line. The reason may be the first
// line, as with a failed connection of ssh, or the last one.
func (e *Error) Error() string {
	switch {
	case errors.Is(e.Err, exec.ErrNotFound):
		return "there is no git command on PATH; install git"
	case e.Text == "":
		return fmt.Sprintf("git %s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("git %s: %s (%v)", e.Command, oneLine(e.Text), e.Err)
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

// oneLine joins the lines that are not blank.
func oneLine(s string) string {
	var lines []string
	for line := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == '\n' || c == '\r' }) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

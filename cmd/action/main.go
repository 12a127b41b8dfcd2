// Command action is the GitHub Action. It reads a workflow's inputs from the
// environment, runs the engine, and sets outputs, annotations and a job summary. No
// input reaches a shell.
//
// Names from a repository that others push to may occur in everything that it prints.
// Each output has one place that escapes them: console.go for the log, summary.go for
// the job summary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build.
var version = "dev"

func main() {
	// A cancelled job sends SIGINT, then SIGTERM, to a process that is pid 1.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Getenv, os.Stdout)
	stop()
	os.Exit(code)
}

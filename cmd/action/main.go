// Command action is the GitHub Action. It reads a workflow's inputs from the
// environment, runs the engine, and sets outputs, annotations and a job summary. No
// input reaches a shell.
//
// Everything that it prints may contain names from a repository to which other people push.
// console.go escapes them in the log, and summary.go in the job summary.
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

// Command action is the GitHub Action: it takes a workflow's inputs from the
// environment, runs the engine, and answers with outputs, annotations and a job
// summary. No input ever reaches a shell.
//
// What it prints and writes may hold names from a repository that others push
// to, so everything passes through one place that makes it harmless: console.go
// for the log, summary.go for the job summary.
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

// Command kv-sync puts a site into Cloudflare Workers KV: see docs/commands.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(Main()) }

// Main runs the command of this process and returns its exit code.
func Main() int {
	ctx, stop := interruptible()
	defer stop()
	return run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, os.Getenv})
}

// interruptible returns a context that the first SIGINT or SIGTERM cancels, so that the
// run ends in order. The second signal ends the process at once.
func interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-done:
			return
		}
		fmt.Fprintln(os.Stderr, "\nStopping. Press Ctrl-C again to stop at once.")
		cancel()
		select {
		case <-signals:
			fmt.Fprintln(os.Stderr, "Stopped at once. kv-sync history says what is live.")
			os.Exit(interrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

package simulation

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"sync"
	"testing"
)

var (
	processes = flag.Int("processes", 1, "share the injections and the seeds among so many processes")
	share     = flag.Int("share", -1, "which share of -processes this process tries; set by the first process")
)

// mine reports whether this process tries the i-th of all injections or seeds.
func mine(i int) bool { return *share < 0 || i%*processes == *share }

// With -processes the tests run in that many processes at the same time. The worlds of one
// process run one after the other, because their random numbers have one source.
func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(400) // a world is small, and lives for a few milliseconds
	if *processes == 1 || *share >= 0 {
		os.Exit(m.Run())
	}
	if err := fork(*processes); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func fork(n int) error {
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		c := exec.Command(os.Args[0], append(os.Args[1:], fmt.Sprint("-share=", i))...)
		c.Env = append(os.Environ(), "GOMAXPROCS=1")
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		all.Go(func() { errs[i] = c.Run() })
	}
	all.Wait()
	return errors.Join(errs...)
}

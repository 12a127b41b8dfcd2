package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// sample is the measurement of one deploy.
type sample struct {
	wall, cpu time.Duration
	// peak is the largest resident set of any of the tool's processes, in bytes.
	peak int64
	// requests is the number of requests that the server got, and bytes the size of their bodies.
	requests int
	bytes    int64
}

func (s sample) String() string {
	return fmt.Sprintf("%8s  %8s CPU  %8s peak  %4d requests  %8s sent",
		seconds(s.wall), seconds(s.cpu), megabytes(s.peak), s.requests, megabytes(s.bytes))
}

// measure runs a command and measures it. If the command fails, the error has its output.
func measure(cmd *exec.Cmd) (sample, error) {
	var output tail
	cmd.Stderr = &output
	if cmd.Stdout == nil {
		cmd.Stdout = &output
	}
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, output.text)
	}
	return sample{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: peak(cmd.ProcessState)}, nil
}

// tail stores the end of the output of a command.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	const limit = 8 << 10
	t.text = append(t.text, p[max(0, len(p)-limit):]...)
	if extra := len(t.text) - limit; extra > 0 {
		t.text = bytes.Clone(t.text[extra:])
	}
	return len(p), nil
}

// median returns the median of each quantity of the samples.
func median(samples []sample) sample {
	return sample{
		wall:     middle(samples, func(s sample) time.Duration { return s.wall }),
		cpu:      middle(samples, func(s sample) time.Duration { return s.cpu }),
		peak:     middle(samples, func(s sample) int64 { return s.peak }),
		requests: middle(samples, func(s sample) int { return s.requests }),
		bytes:    middle(samples, func(s sample) int64 { return s.bytes }),
	}
}

// middle returns the median of a quantity. If the number of samples is even, it returns the larger
// of the two values in the middle.
func middle[T cmp.Ordered](samples []sample, of func(sample) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// megabytes formats a size in megabytes, so that the cells of a table row have the same unit.
// Messages use humanize.Bytes instead.
func megabytes(n int64) string {
	switch {
	case n >= 10e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.2f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d B", n)
}

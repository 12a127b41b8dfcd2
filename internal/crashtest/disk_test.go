package crashtest

import (
	"fmt"
	"strings"
	"testing"
)

// TestFullDisk runs the commands on a machine whose disk takes no more than a few blocks in a file.
// What is live is old or new, and the same command finishes when there is space.
func TestFullDisk(t *testing.T) {
	for i, sc := range selected([]string{"deploy", "index"}) {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			var e *experiment
			for j, blocks := range []int{0, 1, 2, 8} { // of 512 bytes
				name := fmt.Sprintf("%s: %d blocks", sc.name, blocks)
				if *only == "" && *every > 1 && j != i || !strings.HasPrefix(name, *only) {
					continue
				}
				if e == nil {
					e = newExperiment(t, sc)
				}
				e.tryOn(name, blocks)
			}
		})
	}
}

// limited is a run whose files have at most some blocks.
func limited(r run, blocks int) run {
	script := fmt.Sprintf(`ulimit -f %d && exec "$@"`, blocks)
	return run{"sh", append([]string{"-c", script, "sh", r.program}, r.args...), r.env}
}

// tryOn runs on a full disk, and again.
func (e *experiment) tryOn(name string, blocks int) {
	e.Helper()
	e.restore()
	out := e.do(limited(e.run, blocks), nil)
	wrong := e.judge(injection{}, out, []int{0, 1, 2})
	wrong = append(wrong, e.damage()...)
	e.repeat(name, out, wrong, false)
}

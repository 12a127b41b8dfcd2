package main

import (
	"math"
	"runtime/debug"

	"github.com/kv-sync/kv-sync/sync/plan"
)

const (
	// softLimit keeps a first deploy of 10,000 files below 128 MB, including garbage.
	// Live memory is less, because the engine bounds it.
	softLimit = 96 << 20
	// perFile is added to the limit for each file of a large site. With a limit below
	// the live memory, the garbage collector would run all the time.
	perFile = 4 << 10
)

// gcPercent lets garbage grow to four times the live memory. A run is short, and the limit
// bounds its memory.
const gcPercent = 400

// limitMemory sets a memory limit, below which the collector runs rarely. The variables
// GOMEMLIMIT and GOGC override it.
func limitMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	debug.SetMemoryLimit(softLimit)
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// allowFor raises the limit for a plan with many files.
func allowFor(p *plan.Plan) {
	files := int64(len(p.Added) + len(p.Changed) + p.Unchanged)
	if debug.SetMemoryLimit(-1) == softLimit && files > 10_000 {
		debug.SetMemoryLimit(softLimit + (files-10_000)*perFile)
	}
}

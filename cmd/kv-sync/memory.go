package main

import (
	"math"
	"runtime/debug"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

const (
	// softLimit keeps the garbage of a first deploy of 10,000 files below
	// 128 MB in all; the engine bounds what it holds to less.
	softLimit = 96 << 20
	// perFile is what a file of a large site may add: a limit below what is
	// alive would keep the collector busy for nothing.
	perFile = 4 << 10
)

// lazily is how much garbage there may be for each live byte: a run is short,
// and the limit keeps its memory small anyway.
const lazily = 400

// limitMemory has the collector keep to a limit, and work little below it,
// unless the user set either by GOMEMLIMIT or GOGC.
func limitMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") != "" || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	debug.SetMemoryLimit(softLimit)
	if getenv("GOGC") == "" {
		debug.SetGCPercent(lazily)
	}
}

// allowFor makes room for a plan of many files.
func allowFor(p *kvsync.Plan) {
	files := int64(len(p.Added) + len(p.Changed) + p.Unchanged)
	if debug.SetMemoryLimit(-1) == softLimit && files > 10_000 {
		debug.SetMemoryLimit(softLimit + (files-10_000)*perFile)
	}
}

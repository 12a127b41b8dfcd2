package simulation

import (
	"strings"
	"sync"

	"github.com/kv-sync/kv-sync/internal/simulation/source"
)

// largeBytes is more than one value of Workers KV holds, so that a file is in two chunks.
const largeBytes = 25<<20 + 1

// large are the files of a site with a file in chunks. Of two editions, only the last chunk
// of it differs.
func large(edition string) source.Files {
	f := pages(0)
	f["/film.bin"] = film()[:largeBytes-len(edition)] + edition
	return f
}

var film = sync.OnceValue(func() string { return strings.Repeat("a film of one frame \n", 1+largeBytes/21) })

// chunkScenarios are deploys of a file that is larger than a value of Workers KV.
func chunkScenarios() []*Scenario {
	h := source.Repository("example.com/ada/films", large("one"), large("two"), pages(1))
	all := []*Scenario{
		deploys("file in chunks", func(*World) {}, h[0]),
		deploys("file in chunks changed", deployed(h[0]), h[1]),
		deploys("file in chunks deleted", deployed(h[0], h[1]), h[2]),
	}
	for _, s := range all {
		s.Heavy = true
	}
	return all
}

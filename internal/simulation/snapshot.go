package simulation

import (
	"maps"
	"time"

	"github.com/kv-sync/kv-sync/internal/simulation/durable"
	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/model"
	"github.com/kv-sync/kv-sync/internal/simulation/worktree"
)

// Snapshot is a world between two runs: what Cloudflare has, what the machines have cached, and
// what the checker knows. Several worlds may begin with one.
type Snapshot struct {
	at       time.Time
	cloud    *model.Cloud
	check    *inspect.Checker
	machines map[string]map[string][]byte
	trees    map[string]*worktree.Tree
	objects  durable.Host
}

// Snapshot must not be called while a process runs.
func (w *World) Snapshot() *Snapshot {
	s := &Snapshot{at: time.Now(), cloud: w.Cloud.Clone(), machines: make(map[string]map[string][]byte),
		trees: make(map[string]*worktree.Tree), objects: w.objects.Clone()}
	s.check = w.Check.Clone(s.cloud)
	for name, m := range w.machines {
		s.machines[name], s.trees[name] = maps.Clone(m.cache), m.tree.Clone()
	}
	return s
}

// World returns a world that goes on from here. It waits until the time is that of the snapshot.
func (s *Snapshot) World(seed uint64) *World {
	time.Sleep(time.Until(s.at))
	w := NewWorld(seed)
	w.Cloud = s.cloud.Clone()
	w.Check = s.check.Clone(w.Cloud)
	w.objects = s.objects.Clone()
	for name, cache := range s.machines {
		w.machines[name] = &machine{cache: maps.Clone(cache), tree: s.trees[name].Clone()}
	}
	return w
}

package protocol

import "hash/maphash"

// Found is the result of a search.
type Found struct {
	States int
	Depth  int // how many steps the longest of the shortest ways has
	// Full: a state had no place for an activation, so the search is not complete.
	Full bool
	// Invariant is the one that is violated, or nil.
	Invariant *Invariant
	// Trace are the steps to the violation, the shortest way.
	Trace []string
}

// node says how a state was reached.
type node struct {
	from uint32
	by   action
}

// search visits the states level by level.
type search struct {
	*machine
	seed  maphash.Seed
	seen  map[uint64]uint32
	nodes []node
	first state
	found Found
}

// Search visits every state that the cast can reach without a rule, or without an assumption. It
// ends at the first violation of an invariant.
func Search(c *Cast, without Rule, dropped Assumption) Found {
	m, first := c.start(without, dropped)
	return searchWith(m, first)
}

func searchWith(m *machine, first state) Found {
	s := search{machine: m, seed: maphash.MakeSeed(), seen: make(map[uint64]uint32), first: first}
	s.run()
	return s.found
}

func (s *search) run() {
	level := []state{s.first}
	s.visit(&s.first, node{})
	numbers := []uint32{0}
	for ; len(level) > 0 && s.found.Invariant == nil; s.found.Depth++ {
		var next []state
		var ids []uint32
		for i := range level {
			from := numbers[i]
			s.steps(&level[i], func(a action, t state) {
				if s.found.Invariant != nil || !s.visit(&t, node{from, a}) {
					return
				}
				next, ids = append(next, t), append(ids, uint32(len(s.nodes)-1)) //nolint:gosec // fewer than 2³²
			})
		}
		level, numbers = next, ids
	}
	if s.found.Depth--; s.found.Invariant != nil {
		s.found.Trace = s.trace()
	}
	s.found.States = len(s.nodes)
}

// visit checks a state. It returns false if it is known.
func (s *search) visit(t *state, n node) bool {
	h := maphash.Comparable(s.seed, *t)
	if _, known := s.seen[h]; known {
		return false
	}
	s.seen[h] = uint32(len(s.nodes)) //nolint:gosec // fewer than 2³²
	s.nodes = append(s.nodes, n)
	if t.full {
		s.found.Full = true
		return true
	}
	for i := range Invariants {
		if Invariants[i].broken(s.machine, t) {
			s.found.Invariant = &Invariants[i]
			break
		}
	}
	return true
}

// trace goes the way to the last state once more, and describes its steps.
func (s *search) trace() (lines []string) {
	var way []action
	for n := len(s.nodes) - 1; n > 0; n = int(s.nodes[n].from) {
		way = append(way, s.nodes[n].by)
	}
	at := s.first
	for i := len(way) - 1; i >= 0; i-- {
		var next state
		s.steps(&at, func(a action, t state) {
			if a == way[i] {
				next = t
			}
		})
		lines = append(lines, s.text(&at, &next, way[i]))
		at = next
	}
	return lines
}

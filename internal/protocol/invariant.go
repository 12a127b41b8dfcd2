package protocol

// Invariant is something that holds in every state.
type Invariant struct {
	Name string
	// Says is the sentence for docs/model.md, and Promise the number in docs/promises.md.
	Says    string
	Promise string
	broken  func(m *machine, s *state) bool
}

// Invariants are checked in every state.
var Invariants = []Invariant{
	{"live is whole", "All keys that the live deployment names exist.", "1, 2", liveIsNotWhole},
	{"retained are whole", "All keys that a retained deployment names exist.", "1, 4", retainedAreNotWhole},
	{"in flight is whole", "What a run wrote or carries over exists until it can no longer switch to it.", "4, 11",
		inFlightIsNotWhole},
	{"newest is live", "In the end the newest commit is live of which a run said so, or a rollback holds it back.", "5",
		newestIsNotLive},
	{"held back", "What a rollback left does not come back by itself.", "5", heldComesBack},
	{"said so", "A run that says that it failed, or was refused, has changed nothing.", "8", failedIsLive},
}

func liveIsNotWhole(_ *machine, s *state) bool {
	return !s.keys.has(s.runs[s.top().deployment].names)
}

func retainedAreNotWhole(m *machine, s *state) bool {
	kept := m.retained(s, 1<<s.n-1)
	for d := range uint8(maxRuns) {
		if kept&(1<<d) != 0 && !s.keys.has(s.runs[d].names) {
			return true
		}
	}
	return false
}

// inFlightIsNotWhole: a run that is still fresh relies on its keys.
func inFlightIsNotWhole(m *machine, s *state) bool {
	for i, who := range m.Actors {
		a := s.actors[i]
		if who.Part != Deployer || a.ended() || a.step != atWrite && a.step != atCheck {
			continue
		}
		r := s.runs[a.run]
		relies := r.names &^ r.names.from(m.owner(a.run)) // those that it carries over
		if a.step == atCheck && m.follows(Confirmed) {
			relies = r.names
		}
		if r.since < half && !s.keys.has(relies|a.written) {
			return true
		}
	}
	return false
}

// quiet reports whether nobody does anything any more. Who was killed is to be started again.
func (m *machine) quiet(s *state) bool {
	for i := range m.Actors {
		a := &s.actors[i]
		if !a.ended() || a.flight == sent || a.result == killed {
			return false
		}
	}
	return true
}

// newestIsNotLive: a deployer said that its commit is live, or that it was. An earlier one is.
func newestIsNotLive(m *machine, s *state) bool {
	if !m.quiet(s) || s.top().kind == chosen {
		return false
	}
	commit, hold := m.trueLive(s)
	for i, who := range m.Actors {
		r := s.actors[i].result
		if who.Part == Deployer && (r == succeeded || r == unchanged) && who.Commit > max(commit, hold) {
			return true
		}
	}
	return false
}

// trueLive returns the commit that is live and what it holds back, whatever Cloudflare lists.
func (m *machine) trueLive(s *state) (commit, hold uint8) {
	all := *m.Cast
	all.List = maxActivations
	whole := machine{Cast: &all, without: m.without}
	return whole.message(s)
}

// heldComesBack: a rollback said that it went back, and what it holds back is live.
func heldComesBack(m *machine, s *state) bool {
	if !m.quiet(s) || s.top().kind == chosen {
		return false
	}
	commit, hold := m.trueLive(s)
	for i, who := range m.Actors {
		if who.Part != Rollback || s.actors[i].result != succeeded {
			continue
		}
		left, target := m.left(s, uint8(i)), s.actors[i].target
		if left > s.runs[target].commit && commit <= left && hold < left && s.top().deployment != target {
			return true
		}
	}
	return false
}

// left is the commit that was live before a rollback.
func (m *machine) left(s *state, i uint8) uint8 {
	for j := uint8(1); j < s.n; j++ {
		if s.list[j].kind == rolled && s.list[j].by == i && s.list[j].over > 0 {
			return s.list[s.list[j].over-1].commit
		}
	}
	return 0
}

// failedIsLive: what a run made live that says that it did not.
func failedIsLive(m *machine, s *state) bool {
	if !m.quiet(s) {
		return false
	}
	top := s.list[s.original(s.n-1)-1]
	for i := range m.Actors {
		switch s.actors[i].result {
		case refused, stopped, failed:
			if top.by == uint8(i) && top.try == s.actors[i].try {
				return true
			}
		}
	}
	return false
}

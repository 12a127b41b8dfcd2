package protocol

// prune makes the next step of a prune.
func (m *machine) prune(s *state, i uint8, emit emitter) {
	a := &s.actors[i]
	switch a.step {
	case atStart: // which deployments are retained
		t := *s
		kept := m.retained(s, m.known(s))
		if !m.follows(KeepRetained) {
			kept = 1 << s.top().deployment
		}
		t.actors[i] = actor{step: atCheck, base: s.n - 1, target: kept}
		emit(action{i, plans, 0}, t)
	case atCheck: // which keys no root names
		m.mark(s, i, emit, false)
		m.mark(s, i, emit, true)
	case atDelete:
		t := *s
		p := &t.actors[i]
		switch {
		case s.n-1 != a.base && m.follows(LookBeforeDelete) && !a.distrust:
			p.end(stopped)
			emit(action{i, stops, 0}, t)
		case m.assuming == DeleteSoon && !a.distrust:
			p.distrust = true // it has looked; the request is on its way for any time
			emit(action{i, asks, 0}, t)
		default:
			t.keys &^= a.toDelete
			for d := range t.runs {
				if a.recordsToDelete&(1<<d) != 0 {
					t.runs[d].record = false
				}
			}
			p.end(succeeded)
			emit(action{i, deletes, 0}, t)
		}
	}
}

// mark lists the keys, reads the records, and marks what to delete. A listing that is outdated
// does not have what was written within the last tick.
func (m *machine) mark(s *state, i uint8, emit emitter, outdated bool) {
	t := *s
	a := &t.actors[i]
	kept := a.target
	if m.follows(RecordsAreRoots) {
		kept |= m.recent(s, outdated)
	}
	if m.follows(TargetIsRoot) {
		kept |= m.targets(s, outdated && m.assuming == HoldsAreListed)
	}
	rooted := s.names(kept)
	limit := uint8(grace)
	if !m.follows(Grace) {
		limit = 0
	}
	for d := range uint8(maxRuns) {
		r := s.runs[d]
		if !r.begun || r.age < limit || outdated && r.age == 0 {
			continue
		}
		a.toDelete |= s.keys.from(d) &^ rooted
		if kept&(1<<d) == 0 && r.record {
			a.recordsToDelete |= 1 << d
		}
	}
	if a.target = 0; a.toDelete == 0 && a.recordsToDelete == 0 {
		a.end(succeeded)
	} else {
		a.step = atDelete
	}
	stale := uint8(0)
	if outdated {
		stale = 1
	}
	emit(action{i, lists, stale}, t)
}

// recent returns the deployments that records name and that are kept: the last ones, and those that
// another one followed within one and a half grace periods.
func (m *machine) recent(s *state, outdated bool) (kept uint8) {
	count, next := uint8(0), uint8(0)
	for age := range uint8(oldest + 1) {
		for d := maxRuns - 1; d >= 0; d-- {
			if r := s.runs[d]; !r.record || r.age != age || outdated && age == 0 {
				continue
			}
			if count < m.Retain || next < recorded {
				kept |= 1 << d
			}
			count, next = count+1, age
		}
	}
	return kept
}

// targets returns the deployments to which a rollback may be under way: those with a young record of
// a hold.
func (m *machine) targets(s *state, outdated bool) (kept uint8) {
	for d := range uint8(maxRuns) {
		if h := s.runs[d].held; h.there && h.age < grace && (!outdated || h.age > 0) {
			kept |= 1 << d
		}
	}
	return kept
}

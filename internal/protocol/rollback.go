package protocol

// rollBack makes the next step of a rollback.
func (m *machine) rollBack(s *state, i uint8, emit emitter) {
	switch s.actors[i].step {
	case atStart:
		m.findTarget(s, i, emit)
	case atWrite:
		t := *s
		a := &t.actors[i]
		t.runs[a.target].held = holdRecord{there: true, hold: a.hold, commit: s.runs[a.target].commit}
		a.step = atCheck
		emit(action{i, recordsHold, a.hold}, t)
	case atCheck:
		t := *s
		a := &t.actors[i]
		if s.n-1 != a.base && m.follows(LookBefore) || a.slept >= half && m.follows(FreshRollback) {
			a.end(stopped)
		} else {
			a.flight = sent
		}
		emit(action{i, switches, 0}, t)
	case atSwitch:
		m.sendAgain(s, i, emit)
	case atLook:
		m.look(s, i, emit)
	}
}

// findTarget finds the deployment before the live one, checks that its keys exist, and what to hold
// back.
func (m *machine) findTarget(s *state, i uint8, emit emitter) {
	t := *s
	a := &t.actors[i]
	known := m.known(s)
	live := s.top().deployment
	target, found := uint8(0), false
	for j := s.n; j > 0; j-- { // the oldest activation of the live one, and what was before it
		switch d := s.list[j-1].deployment; {
		case known&(1<<(j-1)) == 0:
		case d == live:
			found = false
		case !found:
			target, found = d, true
		}
	}
	if !found || m.retained(s, known)&(1<<target) == 0 || !s.keys.has(s.runs[target].names) || !s.runs[target].record {
		a.end(refused)
		emit(action{i, plans, 0}, t)
		return
	}
	commit, hold := m.message(s)
	switch {
	case !m.follows(Hold):
		hold = 0
	case hold == s.runs[target].commit:
		hold = 0
	case hold == 0 && commit != s.runs[target].commit:
		hold = commit
	}
	*a = actor{step: atWrite, run: target, target: target, hold: hold, base: s.n - 1, first: m.shown(s), seen: s.n}
	if !m.follows(HoldRecord) {
		a.step = atCheck
	}
	emit(action{i, goesBack, target}, t)
}

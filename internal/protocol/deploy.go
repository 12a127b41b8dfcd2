package protocol

// deploy makes the next step of a deployer, or of an upload ahead.
func (m *machine) deploy(s *state, i uint8, emit emitter) {
	switch s.actors[i].step {
	case atStart:
		m.plan(s, i, emit)
	case atWrite:
		m.write(s, i, emit)
	case atCheck:
		m.checkAge(s, i, emit)
	case atSwitch:
		m.sendAgain(s, i, emit)
	case atLook:
		m.look(s, i, emit)
	case atRecord:
		t := *s
		t.runs[t.actors[i].run].record = true
		t.actors[i].end(succeeded)
		emit(action{i, records, 0}, t)
	}
}

// plan reads what is live, compares, and decides which keys the manifest names.
func (m *machine) plan(s *state, i uint8, emit emitter) {
	if m.Serial && m.busy(s, i) {
		return
	}
	if m.follows(FinishRace) && m.finishRace(s, i, emit) {
		return
	}
	t := *s
	a, who := &t.actors[i], m.Actors[i]
	*a = actor{try: a.try, distrust: a.distrust, run: m.runOf[i] + a.try}
	live := s.top().deployment
	commit, hold := m.message(s)
	verb := plans
	same := m.sameFiles(who.Commit, s.runs[live].commit)
	switch {
	case hold > 0 && (who.Commit <= hold || m.sameFiles(who.Commit, hold)):
		a.end(refused)
	case who.Commit < commit && m.follows(Order):
		a.end(refused)
	case who.Commit == commit, same && (who.Part == Ahead || !m.follows(NewerCommitIsRecorded)):
		a.end(unchanged)
	case same:
		a.base, a.first, a.seen, a.target = s.n-1, m.shown(s), s.n, live
		a.flight, verb = sent, reactivates
	default:
		a.base, a.first, a.seen, a.target = s.n-1, m.shown(s), s.n, a.run
		m.compose(&t, i)
		a.step = atWrite
		if m.Whole {
			t.keys |= t.runs[a.run].names.from(a.run)
			t.runs[a.run].record = true
			a.flight = sent
		}
	}
	emit(action{i, verb, 0}, t)
}

// busy reports whether another run is between its plan and its end.
func (m *machine) busy(s *state, i uint8) bool {
	for j, who := range m.Actors {
		if a := &s.actors[j]; uint8(j) != i && who.Part != Pruner && (a.flight == sent || !a.ended() && a.step != atStart) {
			return true
		}
	}
	return false
}

// finishRace makes the right one of concurrent switches live, whose runs may have been killed.
func (m *machine) finishRace(s *state, i uint8, emit emitter) bool {
	t := *s
	a := &t.actors[i]
	try, distrust := a.try, a.distrust
	*a = actor{try: try, distrust: distrust, run: m.runOf[i] + try, base: s.n - 1, first: m.shown(s), seen: s.n}
	base, since := m.judgedEntries(&t, i)
	v := judge(base, since)
	over, ok := s.planned(base.id - 1)
	if first := ok && over == 0; len(since) == 0 || base.late && !first {
		return false // the list does not reach back to the beginning of the race
	}
	if top := since[len(since)-1]; top.key == v.best.key || top.commit != m.Actors[i].Commit {
		return false
	}
	a.flight, a.restoring, a.restored = sent, v.best.key, v.best.key
	emit(action{i, restores, v.best.key - 1}, t)
	return true
}

func (m *machine) sameFiles(a, b uint8) bool {
	if len(m.Contents[a]) != len(m.Contents[b]) {
		return false
	}
	for i := range m.Contents[a] {
		if m.Contents[a][i] != m.Contents[b][i] {
			return false
		}
	}
	return true
}

// compose fills in the run: the key of each content of the commit.
func (m *machine) compose(s *state, i uint8) {
	a, commit := &s.actors[i], m.Actors[i].Commit
	var names keySet
	age := uint8(0)
	for _, content := range m.Contents[commit] {
		key := s.runs[s.top().deployment].names.of(content)
		if key == 0 && !m.follows(CarryFromLive) {
			key = s.keys.of(content).first()
		}
		if key == 0 && !a.distrust && m.Actors[i].Part == Deployer {
			if old := s.receipts[commit].of(content); old != 0 {
				if written := s.ageOf(old); written < half || !m.follows(ReceiptAge) {
					key, age = old, max(age, written)
				}
			}
		}
		if key == 0 {
			key = m.newKey(a.run, content)
		}
		names |= key
	}
	s.runs[a.run] = begunRun(commit, names, 0)
	s.runs[a.run].since, s.runs[a.run].past = age, m.listed(s)
}

// ageOf is the age of the run that wrote a key.
func (s *state) ageOf(key keySet) uint8 {
	for run := range uint8(maxRuns) {
		if key.from(run) != 0 {
			return s.runs[run].age
		}
	}
	return 0
}

// owner is the run whose number is in the keys that a run writes.
func (m *machine) owner(run uint8) uint8 {
	if !m.follows(OwnKeys) {
		return maxRuns - 1
	}
	return run
}

// write writes one value after the other, in any order: keys that are not there yet, the record,
// the receipt.
func (m *machine) write(s *state, i uint8, emit emitter) {
	a, who := s.actors[i], m.Actors[i]
	r := s.runs[a.run]
	own := m.owner(a.run)
	missing := r.names.from(own) &^ a.written
	for left := missing; left != 0; left &^= left.first() {
		t := *s
		key := left.first()
		t.keys |= key
		t.actors[i].written |= key
		if own != a.run {
			t.runs[own] = begunRun(0, 0, 0) // the key was written just now
		}
		m.written(&t, i)
		emit(action{i, writes, keyNumber(key)}, t)
	}
	if who.Part == Deployer && !r.record && m.follows(RecordFirst) {
		t := *s
		t.runs[a.run].record = true
		m.written(&t, i)
		emit(action{i, records, 0}, t)
	}
	if missing != 0 && !m.follows(Confirmed) {
		t := *s
		t.runs[a.run].record = true
		t.actors[i].step = atCheck
		emit(action{i, skips, 0}, t)
	}
	if who.Part == Ahead && missing == 0 {
		t := *s
		if r.age < half {
			t.receipts[who.Commit] = r.names
		}
		t.actors[i].end(succeeded)
		emit(action{i, leavesReceipt, 0}, t)
	}
}

// written: after the last write, the run may switch.
func (m *machine) written(s *state, i uint8) {
	a, r := &s.actors[i], s.runs[s.actors[i].run]
	record := r.record || !m.follows(RecordFirst)
	if m.Actors[i].Part == Deployer && record && r.names.from(m.owner(a.run))&^a.written == 0 {
		a.step, a.written = atCheck, 0
	}
}

func keyNumber(key keySet) (n uint8) {
	for key > 1 {
		key >>= 1
		n++
	}
	return n
}

// checkAge sends the switch, unless prune may delete what the run wrote before it arrives.
func (m *machine) checkAge(s *state, i uint8, emit emitter) {
	t := *s
	a := &t.actors[i]
	if s.runs[a.run].since < half || !m.follows(FreshPlan) {
		a.flight = sent
		emit(action{i, switches, 0}, t)
		return
	}
	m.planAgain(a, i)
	a.distrust = true
	emit(action{i, isStale, 0}, t)
}

// planAgain begins the next attempt, if there is one.
func (m *machine) planAgain(a *actor, i uint8) {
	if m.Actors[i].Part != Deployer || a.try+1 >= m.Actors[i].Tries {
		a.end(stopped)
		return
	}
	*a = actor{try: a.try + 1, distrust: a.distrust}
}

// sendAgain sends a switch that was not carried out once more. Before that the run has asked what
// is live.
func (m *machine) sendAgain(s *state, i uint8, emit emitter) {
	t := *s
	a := &t.actors[i]
	switch {
	case a.restoring > 0, s.n-1 != a.base:
		a.flight, a.restoring, a.slept, a.step = unsent, 0, 0, atLook
	case a.sends == 0:
		a.sends++
		a.flight = sent
	default:
		a.end(failed)
	}
	emit(action{i, asks, 0}, t)
}

package protocol

// world makes the steps that no actor makes: time passes, and another tool changes a secret.
func (m *machine) world(s *state, emit emitter) {
	if s.ticks > 0 && m.mayPass(s) {
		t := *s
		m.pass(&t)
		emit(action{maxActors, passes, 0}, t)
	}
	mayEdit := !m.Serial || !m.busy(s, maxActors)
	if s.edits > 0 && mayEdit && (m.assuming == CommitIsListed || !m.hidesCommit(s)) {
		t := *s
		t.edits--
		live := *s.top()
		t.activate(activation{kind: edited, deployment: live.deployment, commit: live.commit, over: s.n, by: maxActors})
		emit(action{maxActors, edits, 0}, t)
	}
}

// hidesCommit reports whether one more activation takes the one off the list that alone says which
// commit is live.
func (m *machine) hidesCommit(s *state) bool {
	for i := s.n; i > m.shown(s); i-- {
		if a := s.list[i-1]; a.deployment == s.top().deployment && a.kind != edited && a.kind != chosen {
			return a.kind == again && i+m.List <= s.n+1
		}
	}
	return false
}

// mayPass reports whether a tick may pass: a request to switch, and its repetitions, arrive within
// half the grace period.
func (m *machine) mayPass(s *state) bool {
	if m.assuming == SendSoon {
		return true
	}
	for i := range m.Actors {
		if a := &s.actors[i]; a.flight != unsent && a.slept == half {
			return false
		}
	}
	return true
}

// pass lets one tick pass.
func (m *machine) pass(s *state) {
	s.ticks--
	for i := range s.n {
		s.list[i].age = min(s.list[i].age+1, oldest)
	}
	for i := range s.runs {
		r := &s.runs[i]
		if r.begun {
			r.age, r.since = min(r.age+1, oldest), min(r.since+1, oldest)
		}
		if r.held.there {
			r.held.age = min(r.held.age+1, grace)
		}
	}
	for i, who := range m.Actors {
		a := &s.actors[i]
		if a.flight != unsent || who.Part == Rollback && (a.step == atWrite || a.step == atCheck) {
			a.slept = min(a.slept+1, oldest)
		}
	}
}

// carryOut makes what happens to a request to switch. It also happens after the death of its sender.
func (m *machine) carryOut(s *state, i uint8, emit emitter) {
	if s.actors[i].flight != sent {
		return
	}
	t := *s
	a := &t.actors[i]
	t.activate(m.activationOf(s, i))
	a.landed(atLook)
	emit(action{i, carried, 0}, t)

	t = *s
	a = &t.actors[i]
	slept := a.slept
	a.landed(atSwitch)
	if !a.ended() {
		a.flight, a.slept = lost, slept
	}
	emit(action{i, dropped, 0}, t)
}

// landed: the request is not under way any more.
func (a *actor) landed(next step) {
	a.flight, a.slept = unsent, 0
	if a.ended() {
		a.end(a.result)
		return
	}
	a.step = next
}

// activationOf is the activation that the actor's request makes.
func (m *machine) activationOf(s *state, i uint8) activation {
	a := &s.actors[i]
	if a.restoring > 0 {
		best := s.list[a.restoring-1]
		best.same, best.age, best.by, best.try = a.restoring, 0, i, a.try
		return best
	}
	made := activation{deployment: a.target, commit: s.runs[a.target].commit, hold: a.hold, over: a.base + 1}
	made.by, made.try = i, a.try
	if m.Actors[i].Part == Rollback {
		made.kind = rolled
	} else if made.commit = m.Actors[i].Commit; a.target != a.run {
		made.kind = again
	}
	return made
}

// kill makes the death of an actor, and its next life.
func (m *machine) kill(s *state, i uint8, emit emitter) {
	who := m.Actors[i]
	if !who.Killable {
		return
	}
	t := *s
	a := &t.actors[i]
	switch {
	case !a.ended() && (a.step != atStart || a.flight == sent):
		a.leave(killed)
		emit(action{i, dies, 0}, t)
	case a.result == killed && a.flight != sent && a.try+1 < who.Tries:
		*a = actor{try: a.try + 1}
		emit(action{i, restarts, 0}, t)
	}
}

// leave ends an actor whose request may still be under way.
func (a *actor) leave(r result) {
	left := *a
	a.end(r)
	if left.flight == sent {
		a.flight, a.restoring, a.base, a.slept = sent, left.restoring, left.base, left.slept
	}
}

// giveUp makes what the rule AskAfterLostReply prevents: the reply is lost, and the run says that
// nothing was switched.
func (m *machine) giveUp(s *state, i uint8, emit emitter) {
	if a := &s.actors[i]; m.follows(AskAfterLostReply) || a.ended() || a.flight != sent || a.restoring > 0 {
		return
	}
	t := *s
	t.actors[i].leave(failed)
	emit(action{i, givesUp, 0}, t)
}

// choose makes the choice of a person: any deployment that is complete.
func (m *machine) choose(s *state, i uint8, emit emitter) {
	for d := range uint8(maxRuns) {
		if !s.runs[d].begun || !s.wasLive(d) || s.top().deployment == d || !s.keys.has(s.runs[d].names) {
			continue
		}
		t := *s
		t.activate(activation{kind: chosen, deployment: d, commit: s.runs[d].commit, by: maxActors})
		t.actors[i].end(succeeded)
		emit(action{i, chooses, d}, t)
	}
}

func (s *state) wasLive(deployment uint8) bool {
	for i := range s.n {
		if s.list[i].deployment == deployment {
			return true
		}
	}
	return false
}

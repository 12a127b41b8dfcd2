package protocol

// entry is an activation with what a run knows about it, like settle.Entry.
type entry struct {
	id, key, over    uint8 // numbers of activations
	commit           uint8
	hold             uint8
	rollback         bool
	edit, choice     bool
	own, again, late bool
}

// verdict says which activation is to be live, like settle.Verdict.
type verdict struct {
	best          entry
	stood, chosen bool
	lost          bool
	own           uint8 // the key of the newest activation of this run
}

// look lists what is live after a switch, and makes the right one live if it is another one.
func (m *machine) look(s *state, i uint8, emit emitter) {
	t := *s
	a := &t.actors[i]
	m.see(&t, a)
	if !m.follows(LookAfter) && a.restoring == 0 || !m.follows(LookAfterRestore) && a.restoring > 0 {
		m.finish(&t, i)
		emit(action{i, looks, 0}, t)
		return
	}
	base, since := m.judgedEntries(&t, i)
	v := judge(base, since)
	if m.judged != nil {
		m.judged(base, since, v)
	}
	top := base
	if len(since) > 0 {
		top = since[len(since)-1]
	}
	a.flight, a.restoring = unsent, 0
	switch {
	case top.key == v.best.key && v.stood:
		m.finish(&t, i)
	case top.key == v.best.key && v.chosen:
		a.end(stopped)
	case top.key == v.best.key:
		m.planAgain(a, i)
	default:
		a.flight, a.restoring, a.restored = sent, v.best.key, v.best.key
		emit(action{i, restores, v.best.key - 1}, t)
		return
	}
	emit(action{i, looks, 0}, t)
}

// finish: the switch is confirmed.
func (m *machine) finish(s *state, i uint8) {
	a := &s.actors[i]
	if m.Actors[i].Part == Deployer && !s.runs[a.run].record && a.target == a.run {
		*a = actor{step: atRecord, try: a.try, run: a.run, target: a.target}
		return
	}
	a.end(succeeded)
}

// see adds what Cloudflare lists now to what the actor knows.
func (m *machine) see(s *state, a *actor) {
	if shown := m.shown(s); shown > a.seen {
		a.first, a.gap = shown, true // what is before the gap cannot be used
	}
	for i := a.seen; i < s.n; i++ {
		if s.list[i].same > 0 && s.list[i].same == a.restored {
			a.repeated |= 1 << i
		}
	}
	a.seen = s.n
}

// planned returns the activation on which one was planned; ok is false for another tool's.
func (s *state) planned(i uint8) (over uint8, ok bool) {
	switch x := s.list[i]; {
	case x.kind != edited && x.kind != chosen:
		return x.over, true // 0 for a first deployment
	case x.same > 0:
		return x.same, true
	}
	return 0, false
}

// judgedEntries describes the activations since the base of the plan, and as many earlier ones as
// are needed to judge them.
func (m *machine) judgedEntries(s *state, i uint8) (base entry, since []entry) {
	a := &s.actors[i]
	start := m.judgedFrom(s, a)
	if start == a.base {
		base = m.baseEntry(s, a)
	} else {
		base = m.describe(s, i, start, nil)
		base.late = start == a.first
		if _, ok := s.planned(start); !ok {
			base.edit = true
		}
	}
	before := base
	for j := start + 1; j < s.n; j++ {
		before = m.describe(s, i, j, &before)
		since = append(since, before)
	}
	return base, since
}

// judgedFrom returns the activation after which all are judged.
func (m *machine) judgedFrom(s *state, a *actor) uint8 {
	start := max(a.base, a.first)
	for j := a.first + 1; j < s.n; j++ {
		if over, ok := s.planned(j); ok && over > a.first && over < j {
			start = min(start, over-1)
		}
	}
	for start > a.first {
		over, ok := s.planned(start)
		if ok && over == start || !ok && start == a.base {
			break
		}
		start--
	}
	return start
}

// baseEntry describes what was active when the run made its plan.
func (m *machine) baseEntry(s *state, a *actor) entry {
	x := s.list[a.base]
	e := entry{id: a.base + 1, key: s.original(a.base), over: x.over, rollback: x.kind == rolled}
	e.edit = x.kind == edited || x.kind == chosen
	if e.edit {
		e.over = a.base
	}
	then := *s
	then.n = a.base + 1
	e.commit, e.hold = m.message(&then)
	return e
}

// describe describes an activation. before is the one before it, or nil.
func (m *machine) describe(s *state, i, j uint8, before *entry) entry {
	a := &s.actors[i]
	key := s.original(j)
	x := s.list[key-1]
	e := entry{id: j + 1, key: key, over: x.over, commit: x.commit, hold: x.hold, rollback: x.kind == rolled}
	if !m.follows(Knowledge) {
		e.over = 0
	}
	switch {
	case key-1 == a.base:
		e = m.baseEntry(s, a)
		e.id = j + 1
	case x.kind == edited && before != nil:
		e.edit, e.commit, e.hold = true, before.commit, before.hold
		if key != j+1 && key > 1 {
			was := m.describe(s, i, key-2, nil)
			e.commit, e.hold = was.commit, was.hold
		}
	case x.kind == chosen && before != nil:
		e.choice = true
	}
	e.own = x.by == i && x.try == a.try && x.kind != edited && x.kind != chosen
	e.again = a.repeated&(1<<j) != 0
	e.late = a.gap && e.over == a.base+1
	return e
}

// judge decides which activation is to be live. since are the activations after base.
func judge(base entry, since []entry) verdict {
	v := verdict{best: base}
	var h history
	h.add(base)
	for _, x := range since {
		over := h.add(x)
		if x.own {
			v.own = x.key
		}
		switch {
		case x.key == v.best.key:
			v.stood = v.stood || x.own
			continue
		case x.own && x.late:
			continue
		case over > 0 && over == v.best.key, x.choice && !x.again:
			v.replace(x)
			continue
		}
		if supersedes(v.best, x) && (x.rollback || h.has[x.key]&h.has[v.best.key] == h.has[v.best.key]) {
			v.stood = v.stood && x.plain()
			v.replace(x)
		}
	}
	for _, x := range since {
		v.lost = v.lost || x.edit && h.has[v.best.key]&(1<<x.key) == 0
	}
	return v
}

func (v *verdict) replace(x entry) {
	v.best = x
	v.chosen = x.choice && v.own > 0
	v.stood = v.stood || x.own
}

// history says which changes by other tools each activation contains.
type history struct {
	keys  [maxActivations + 1]uint8
	added [maxActivations + 1]bool // by key
	has   [maxActivations + 1]uint16
}

// add returns the key of the activation on which x was planned, or 0.
func (h *history) add(x entry) (over uint8) {
	over = h.keys[x.over]
	h.keys[x.id] = x.key
	if h.added[x.key] {
		return over
	}
	h.added[x.key] = true
	h.has[x.key] = h.has[over]
	if x.edit || x.choice {
		h.has[x.key] |= 1 << x.key
	}
	return over
}

func (e *entry) level() uint8 {
	switch {
	case e.choice:
		return 0
	case e.hold > 0:
		return e.hold
	}
	return e.commit
}

func (e *entry) plain() bool {
	return !e.choice && !e.rollback && !e.edit && e.hold == 0 && e.commit > 0
}

// supersedes reports whether x wins over best by order. x is later, and was made without knowledge
// of it.
func supersedes(best, x entry) bool {
	unordered := !x.own && !x.again
	switch a, b := best.level(), x.level(); {
	case a == 0 || b == 0:
		return unordered
	case b < a:
		return false
	case b == a:
		return x.rollback || best.late
	}
	return x.rollback || best.plain()
}

package protocol

// part is what an actor does.
type part uint8

// The parts.
const (
	Deployer part = iota + 1 // deploys a commit
	Ahead                    // uploads the files of a commit, and writes a receipt
	Rollback                 // goes back to the deployment before
	Pruner                   // prunes
	Person                   // makes an earlier, complete deployment live with another tool
)

// Actor is one process of a cast.
type Actor struct {
	Part   part
	Commit uint8 // of a deployer and an upload ahead
	// Tries is how often it may plan, at least 1. A deployer that was killed may be started again
	// as often.
	Tries uint8
	// Killable: it may be killed before each of its steps.
	Killable bool
}

// Cast says who takes part in a search, and what may happen.
type Cast struct {
	Name  string
	About string // for docs/model.md
	// History has the commits that were deployed before, oldest first. All but the last one ended
	// before the grace period.
	History []uint8
	Actors  []Actor
	// Contents says which contents a commit has.
	Contents [maxCommits][]uint8
	List     uint8 // how many activations Cloudflare lists
	Retain   uint8
	Ticks    uint8 // how many may pass
	Edits    uint8 // how many changes of a secret may happen
	// Whole: a run writes everything in one step. Nobody prunes, so the order does not count.
	Whole bool
	// Long: the search takes long.
	Long bool
	// Serial: deployers and rollbacks run one after the other.
	Serial bool
	// Recent: all deployments of the history ended just now.
	Recent bool
}

// machine makes the steps of a cast.
type machine struct {
	*Cast
	without  Rule
	assuming Assumption // which is dropped
	runOf    [maxActors]uint8
	// judged is called with each decision; may be nil.
	judged func(base entry, since []entry, v verdict)
}

func (m *machine) follows(r Rule) bool { return m.without != r }

// start returns the machine of a cast, and its first state.
func (c *Cast) start(without Rule, dropped Assumption) (*machine, state) {
	m := &machine{Cast: c, without: without, assuming: dropped}
	s := state{ticks: c.Ticks, edits: c.Edits}
	for i, commit := range c.History {
		run := uint8(i)
		var names keySet
		for _, content := range c.Contents[commit] {
			key := m.newKey(run, content)
			if i > 0 && s.runs[i-1].names.of(content) != 0 {
				key = s.runs[i-1].names.of(content)
			}
			names |= key
		}
		s.keys |= names
		s.runs[run] = begunRun(commit, names, oldest)
		s.runs[run].record, s.runs[run].past = true, m.listed(&s)
		made := activation{deployment: run, commit: commit, over: s.n, age: oldest, by: maxActors}
		if c.Recent && i > 0 {
			made.age = 0
		}
		s.activate(made)
	}
	next := uint8(len(c.History))
	for i, a := range c.Actors {
		m.runOf[i] = next
		if a.Part == Deployer || a.Part == Ahead {
			next += a.Tries
		}
	}
	return m, s
}

func begunRun(commit uint8, names keySet, age uint8) run {
	return run{begun: true, commit: commit, names: names, age: age, since: age}
}

// newKey is the key under which a run writes a content.
func (m *machine) newKey(run, content uint8) keySet {
	if !m.follows(OwnKeys) {
		run = maxRuns - 1
	}
	return keyOf(run, content)
}

// shown returns the index of the first activation that Cloudflare lists.
func (m *machine) shown(s *state) uint8 { return s.n - min(s.n, m.List) }

// listed returns the activations that Cloudflare lists.
func (m *machine) listed(s *state) (set uint16) {
	for i := m.shown(s); i < s.n; i++ {
		set |= 1 << i
	}
	return set
}

// action is one step, for the trace.
type action struct {
	actor uint8
	verb  verb
	arg   uint8
}

// emitter is called with each next state.
type emitter func(a action, s state)

// steps calls emit with each state that follows.
func (m *machine) steps(s *state, emit emitter) {
	if s.full {
		return
	}
	m.world(s, emit)
	for i := range m.Actors {
		a := &s.actors[i]
		m.carryOut(s, uint8(i), emit)
		m.kill(s, uint8(i), emit)
		m.giveUp(s, uint8(i), emit)
		if a.ended() || a.flight == sent {
			continue
		}
		switch m.Actors[i].Part {
		case Deployer, Ahead:
			m.deploy(s, uint8(i), emit)
		case Rollback:
			m.rollBack(s, uint8(i), emit)
		case Pruner:
			m.prune(s, uint8(i), emit)
		case Person:
			m.choose(s, uint8(i), emit)
		}
	}
}

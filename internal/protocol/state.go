package protocol

// Bounds of a state. A cast that reaches one of them is too large for the model.
const (
	maxActivations = 14
	maxRuns        = 8
	maxActors      = 5
	maxContents    = 3
	maxCommits     = 5
)

// Ages in ticks.
const (
	half     = 1 // what a run wrote may be switched to while it is younger
	grace    = 2 // prune deletes no key that is younger
	recorded = 3 // prune keeps what a record names whose deployment ended later
	oldest   = 4 // all greater ages are equal
)

// keySet is a set of keys.
type keySet uint32

// keyOf returns the key that a run writes for a content.
func keyOf(run, content uint8) keySet { return 1 << (run*maxContents + content) }

// of returns the keys of a content.
func (k keySet) of(content uint8) keySet {
	var mask keySet
	for run := range uint8(maxRuns) {
		mask |= keyOf(run, content)
	}
	return k & mask
}

// from returns the keys that a run wrote.
func (k keySet) from(run uint8) keySet { return k & ((1<<maxContents - 1) << (run * maxContents)) }

// first returns one of the keys.
func (k keySet) first() keySet { return k & -k }

// has reports whether all keys of o are in k.
func (k keySet) has(o keySet) bool { return o&^k == 0 }

// kind is why something is live.
type kind uint8

const (
	deployed kind = iota
	again         // the live version, for a newer commit
	rolled        // by a rollback
	edited        // another tool changed a secret
	chosen        // a person chose an earlier version with another tool
)

// activation is one entry of Cloudflare's list. Numbers of other activations are one greater than
// their index; 0 is none.
type activation struct {
	kind       kind
	deployment uint8
	commit     uint8
	hold       uint8 // the commit that it holds back
	over       uint8 // the activation on which it was planned
	same       uint8 // the activation that it repeats
	by, try    uint8 // the actor that made it, and in which attempt
	age        uint8
}

// run is what one attempt of an actor wrote. The deployment that it makes has its number.
type run struct {
	begun  bool
	age    uint8 // of the keys that it wrote
	since  uint8 // the age of the oldest key that it relies on, with those of a receipt
	commit uint8
	names  keySet // what its manifest names
	record bool   // its record and its manifest exist
	past   uint16 // the activations that its record names
	// held is the hold record of the deployment that it made.
	held holdRecord
}

type holdRecord struct {
	there        bool
	hold, commit uint8
	age          uint8
}

// flight is what happens to a request to switch.
type flight uint8

const (
	unsent flight = iota
	sent          // Cloudflare may carry it out, or not
	lost          // it was not carried out, and never will be
)

// result is what an actor says at its end.
type result uint8

const (
	running   result = iota
	succeeded        // its commit, or its target, is live
	unchanged        // its commit was live
	refused          // a newer commit is live, or a rollback holds it back
	stopped          // somebody else switched: nothing was done, or what was done was undone
	failed           // nothing was switched
	killed           // it says nothing
)

// step is the next step of an actor.
type step uint8

const (
	atStart step = iota
	atWrite
	atCheck
	atSwitch
	atLook
	atRecord // after the switch, only without the rule RecordFirst
	atDelete
	atEnd
)

// actor is the state of a process.
type actor struct {
	step   step
	result result
	try    uint8
	run    uint8 // of this attempt
	// base is the activation on which it was planned, from the first one that it knows; seen is how
	// many there were at the last look.
	base, first, seen uint8
	gap               bool   // more was activated between two looks than is listed
	repeated          uint16 // the activations that repeat what it has restored
	restored          uint8  // what it restored last
	flight            flight
	restoring         uint8 // what the request restores; 0 for its own switch
	slept             uint8 // ticks since the request was sent; of a rollback, since its plan
	sends             uint8
	written           keySet
	distrust          bool // it uses no receipt
	target, hold      uint8
	toDelete          keySet // what a prune deletes
	recordsToDelete   uint8  // the runs whose records it deletes
}

func (a *actor) ended() bool { return a.step == atEnd }

// end sets what the actor says. It forgets the rest, so that states that differ only in it are one.
func (a *actor) end(r result) {
	*a = actor{step: atEnd, result: r, try: a.try, run: a.run, target: a.target, hold: a.hold}
}

// state is one state of the whole system.
type state struct {
	list     [maxActivations]activation
	n        uint8
	full     bool // an activation had no place
	keys     keySet
	runs     [maxRuns]run
	actors   [maxActors]actor
	receipts [maxCommits]keySet
	ticks    uint8 // that may still pass
	edits    uint8 // that may still happen
}

func (s *state) top() *activation { return &s.list[s.n-1] }

func (s *state) activate(a activation) {
	if s.n == maxActivations {
		s.full = true
		return
	}
	s.list[s.n] = a
	s.n++
}

// original is the number of the activation that the i-th one repeats, or its own.
func (s *state) original(i uint8) uint8 {
	if s.list[i].same > 0 {
		return s.list[i].same
	}
	return i + 1
}

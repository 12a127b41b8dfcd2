package settle

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// Target is the Worker that is switched.
type Target interface {
	Activations(ctx context.Context) ([]cloud.Activation, error)
	Activate(ctx context.Context, versions []cloud.Share, message string, force bool) error
}

// Switch is a switch that a run is about to make.
type Switch struct {
	Target Target
	// Before lists the activations at the time of the plan, newest first. Base describes
	// the first of them; it is zero if there were none.
	Before []cloud.Activation
	Base   Entry
	// Describe returns what is known about an activation. beneath is the one before it.
	Describe func(ctx context.Context, a cloud.Activation, beneath Entry) (Entry, error)
	// Planned returns the id of the activation on which a was planned. ok is false if
	// its message does not say so.
	Planned func(a cloud.Activation) (over string, ok bool)
	Compare Compare
	// Send makes the call. It may be called again after an error that wraps ErrUnknown.
	Send func(context.Context) error
	// Again returns the message of the activation that repeats an earlier one.
	Again func(Entry) string
	// Final is set if another activation cannot undo the switch.
	Final bool
	// Lagging is set if it may take a minute until the list shows an activation. An activation
	// that is not in the list may then still have happened.
	Lagging bool
	// Pauses before each look, the first of them 0 (default [Pauses]).
	Pauses []time.Duration
	// Note reports a line for people.
	Note func(format string, args ...any)

	list     []cloud.Activation // all that were listed, oldest first
	known    map[string]Entry   // described activations, by id and by key
	base     Entry              // the activation after which they are judged
	since    []Entry            // the activations after base, oldest first
	gone     bool               // the last look showed no script
	gap      bool               // the list does not show all activations since the plan
	told     bool               // noted that the change of another tool does not stay
	restored string             // the key of the activation that was last made live again
}

// Pauses are the times to wait before each look for a switch whose result is unknown.
var Pauses = []time.Duration{0, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond,
	2 * time.Second, 2500 * time.Millisecond}

// pausesCancelled is the number of looks after a cancellation, for which [wait.Answer] leaves time.
const pausesCancelled = 4

const (
	// sends limits how many times a switch is sent if it does not happen.
	sends = 3
	// rounds limits how many times another activation is made live again.
	rounds = 10
)

// Settle sends the switch and waits until its result is known. If the live activation is
// not the one that [Judge] decides for, Settle activates that one again. It returns
//
//   - nil: the switch happened, and was right. Later activations are left alone;
//   - an error that wraps [cloud.ErrOvertaken]: another deployment is live, and the caller
//     may plan again on it;
//   - [ErrChosen]: another tool has switched after it;
//   - an error that wraps [cloud.ErrUnknown]: see [UnknownError];
//   - any other error: the switch did not happen.
//
// If there is no concurrent switch, Settle takes one request more than Send.
func (s *Switch) Settle(ctx context.Context) error {
	s.begin()
	for try := 1; ; try++ {
		sent := s.Send(ctx)
		if errors.Is(sent, context.Canceled) && !errors.Is(sent, cloud.ErrUnknown) ||
			try == 1 && errors.Is(sent, cloud.ErrUnsent) {
			return sent
		}
		since, err := s.await(ctx, sent)
		if err != nil || slices.ContainsFunc(since, isOwn) {
			return s.conclude(ctx, since, sent, err)
		}
		unknown := errors.Is(sent, cloud.ErrUnknown)
		switch {
		case sent == nil && s.Lagging:
			return nil // the list is outdated
		case sent == nil:
			return s.unknown(since, errNotListed)
		case unknown && (s.Lagging || ctx.Err() != nil):
			return s.unknown(since, sent)
		case s.overtaken() || errors.Is(sent, cloud.ErrOvertaken):
			return s.resolve(ctx, since)
		case !unknown:
			return sent
		case try == sends:
			return s.unknown(since, sent)
		}
		s.Note("the switch was not carried out (%v); sending it again", sent)
	}
}

// ErrChosen reports that the switch did not last: it was not the right one, and another
// tool has switched after it.
var ErrChosen = errors.New("another tool switched after it")

var (
	errNotListed     = errors.New("the API has confirmed it, and does not list it")
	errNothingListed = errors.New("the API lists no deployment of the script")
)

func isOwn(e Entry) bool { return e.Own }

// begin begins with what was listed at the time of the plan.
func (s *Switch) begin() {
	s.known = make(map[string]Entry)
	for _, a := range slices.Backward(s.Before) {
		s.list = append(s.list, a)
	}
}

// conclude returns the result of a switch that happened, or whose result cannot be read.
func (s *Switch) conclude(ctx context.Context, since []Entry, sent, err error) error {
	switch {
	case err != nil && sent == nil:
		s.Note("the switch is confirmed; it could not be checked whether another one happened at the same moment: %v", err)
		return nil
	case err != nil:
		return &UnknownError{Cause: errors.Join(sent, err)}
	case errors.Is(sent, cloud.ErrUnknown):
		s.Note("the answer to the switch was lost; the new version was activated")
	case sent != nil:
		s.Note("the API reported an error for the switch, and has carried it out: %v", sent)
	}
	return s.resolve(ctx, since)
}

func (s *Switch) unknown(since []Entry, cause error) error {
	return &UnknownError{Live: s.top(since), Cause: cause}
}

// top returns the active entry at a look, zero if there was none.
func (s *Switch) top(since []Entry) *Entry {
	switch n := len(since); {
	case n > 0:
		return &since[n-1]
	case s.gone:
		return &Entry{}
	}
	return &s.base
}

// await looks until the list shows the switch, or until the switch can no longer be
// carried out. It looks at least once.
func (s *Switch) await(ctx context.Context, sent error) ([]Entry, error) {
	may := sent == nil || errors.Is(sent, cloud.ErrUnknown)
	return s.lookUntil(ctx, may, func(since []Entry) bool { return slices.ContainsFunc(since, isOwn) })
}

// awaitRestored looks until what was made live again shows, if the answer to that was lost:
// else it would be carried out after a later deployment.
func (s *Switch) awaitRestored(ctx context.Context, key string, sent error) ([]Entry, error) {
	may := errors.Is(sent, cloud.ErrUnknown)
	return s.lookUntil(ctx, may, func(since []Entry) bool { return s.top(since).Key() == key })
}

// lookUntil looks until it sees something, or once if that may not change any more.
func (s *Switch) lookUntil(ctx context.Context, may bool, seen func([]Entry) bool) (since []Entry, err error) {
	for i, pause := range s.pauses() {
		if i > 0 && (!may || s.Lagging || i >= pausesCancelled && ctx.Err() != nil) {
			break
		}
		if err := wait.For(context.WithoutCancel(ctx), pause); err != nil {
			return nil, err
		}
		if since, err = s.lookAgain(ctx); err != nil || seen(since) {
			break
		}
	}
	return since, err
}

func (s *Switch) pauses() []time.Duration {
	if s.Pauses == nil {
		return Pauses
	}
	return s.Pauses
}

// lookAgain is look, twice if the first one fails: a single request without an answer takes
// longer than a look may.
func (s *Switch) lookAgain(ctx context.Context) (since []Entry, err error) {
	if since, err = s.look(ctx); err != nil && ctx.Err() == nil {
		since, err = s.look(ctx)
	}
	return since, err
}

// overtaken reports whether something else was activated since the plan.
func (s *Switch) overtaken() bool { return s.top(s.since).ID != s.Base.ID }

// read describes the activations since the base of the plan, and as many earlier ones as
// are needed to judge them.
func (s *Switch) read(ctx context.Context) (err error) {
	start := s.start()
	s.base, s.since = s.Base, nil
	if start >= 0 && s.list[start].ID != s.Base.ID {
		if s.base, err = s.describe(ctx, s.list[start], Entry{}); err != nil {
			return err
		}
		s.base.Late = start == 0 // what it was planned on is not listed
		if _, ok := s.Planned(s.list[start]); !ok {
			s.base.Edit = true // it may have changed a secret of that
		}
	}
	s.remember(s.base)
	beneath := s.base
	for _, a := range s.list[start+1:] {
		if beneath, err = s.describe(ctx, a, beneath); err != nil {
			return err
		}
		s.since = append(s.since, beneath)
	}
	if own := slices.IndexFunc(s.since, isOwn); s.gap && own > 0 {
		// The runs before saw more than is listed now, so what they left live was right then, also if
		// it is a changed secret: a newer commit after it replaces it.
		s.base, s.since = s.since[own-1], s.since[own:]
		s.base.Late = true
		s.base.Edit = false
	}
	return nil
}

// start returns the index of the activation after which all are judged, or -1 to judge all
// of them. This is the base of the plan if there were no concurrent switches: each
// activation up to the base was planned on the one before it, and none after the base on
// one before it. Otherwise it is an earlier activation, because everything that the other
// runs may have seen counts.
func (s *Switch) start() int {
	index := func(id string) int {
		return slices.IndexFunc(s.list, func(a cloud.Activation) bool { return a.ID == id })
	}
	base := index(s.Base.ID)
	start := base
	switch {
	case base < 0 && s.Base.ID != "":
		start = 0
	case s.Compare == nil:
		return base
	}
	for i := 1; i < len(s.list); i++ {
		over, ok := s.Planned(s.list[i])
		if j := index(over); ok && j >= 0 && j < i-1 {
			start = min(start, j)
		}
	}
	for start > 0 {
		over, ok := s.Planned(s.list[start])
		if ok && over == s.list[start-1].ID || !ok && start == base {
			break
		}
		start-- // only the one before it shows what it is, or whether it was right
	}
	return start
}

// remember keeps what is known about an activation, in case it is repeated later. Only an
// activation with a message is kept: a person may activate the same version twice.
func (s *Switch) remember(x Entry) {
	s.known[x.ID] = x
	if x.Message != "" {
		s.known[x.Key()] = x
	}
}

// describe calls [Switch.Describe] once for each activation. A repetition has the
// description of the activation that it repeats.
func (s *Switch) describe(ctx context.Context, a cloud.Activation, beneath Entry) (Entry, error) {
	if x, ok := s.known[a.ID]; ok {
		return x, nil
	}
	x, again := s.known[(&Entry{Activation: a}).Key()]
	if !again {
		var err error
		if x, err = s.Describe(ctx, a, beneath); err != nil {
			return x, err
		}
		if first, ok := s.known[x.Same]; ok && x.Same != "" {
			x, again = first, true
			x.key = first.Key()
		}
	}
	x.Activation, x.Again, x.Late = a, again && x.Key() == s.restored, s.gap && x.Over == s.Base.ID
	s.remember(x)
	return x, nil
}

// look lists the activations since the plan, oldest first. It includes those of earlier
// looks, because the API lists only a few.
func (s *Switch) look(ctx context.Context) ([]Entry, error) {
	ctx, cancel := wait.Detached(ctx, wait.Finish)
	defer cancel()
	now, err := s.Target.Activations(ctx)
	if s.gone = errors.Is(err, cloud.ErrNotFound); s.gone {
		return s.since, nil
	}
	if err == nil && len(now) == 0 {
		err = errNothingListed
	}
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(now, s.listed); i >= 0 {
		now = now[:i]
	} else if len(s.list) > 0 {
		s.list, s.gap = nil, true // the activations before the gap cannot be used
	}
	for _, a := range slices.Backward(now) {
		s.list = append(s.list, a)
	}
	err = s.read(ctx)
	return s.since, err
}

func (s *Switch) listed(a cloud.Activation) bool {
	return slices.ContainsFunc(s.list, func(b cloud.Activation) bool { return a.ID == b.ID })
}

// resolve makes the right activation live. since are the activations that the last look
// showed.
func (s *Switch) resolve(ctx context.Context, since []Entry) error {
	var failed error
	for range rounds {
		v, err := s.judge(ctx, since)
		if err != nil {
			return s.unknown(since, err)
		}
		top := s.top(since)
		if v.Lost && !s.told {
			s.told = true
			s.Note("a secret or a setting was changed at the same moment, on a deployment that does not stay live: change " +
				"it again")
		}
		switch right := top.Key() == v.Best.Key(); {
		case right && v.Stood:
			if top.Key() != v.Own {
				s.Note("the switch is confirmed, and another deployment followed at once")
			}
			return nil
		case right && v.Chosen:
			return ErrChosen
		case right:
			return cloud.ErrOvertaken
		case s.Final, failed != nil && !repeatable(failed):
			return &UnknownError{Live: top, Best: &v.Best, Cause: failed}
		}
		failed = s.restore(ctx, v.Best, errors.Is(failed, cloud.ErrSecretChanged))
		if since, err = s.awaitRestored(ctx, v.Best.Key(), failed); err != nil {
			return &UnknownError{Best: &v.Best, Cause: errors.Join(failed, err)}
		}
	}
	return s.unknown(since, errors.New("other deployments keep switching"))
}

func (s *Switch) judge(ctx context.Context, since []Entry) (Verdict, error) {
	ctx, cancel := wait.Detached(ctx, wait.Finish)
	defer cancel()
	return Judge(ctx, s.base, since, s.Compare)
}

// repeatable reports whether a switch that failed may succeed if it is repeated.
func repeatable(err error) bool {
	return errors.Is(err, cloud.ErrUnknown) || errors.Is(err, cloud.ErrOvertaken) || errors.Is(err, cloud.ErrSecretChanged)
}

// restore makes an activation live again, with its message and so with its hold. With
// force it does so even if that brings back an older value of a secret, because the order
// of two commits does not depend on a secret.
func (s *Switch) restore(ctx context.Context, best Entry, force bool) error {
	ctx, cancel := wait.Detached(ctx, wait.Finish)
	defer cancel()
	s.restored = best.Key()
	return s.Target.Activate(ctx, best.Versions, s.Again(best), force)
}

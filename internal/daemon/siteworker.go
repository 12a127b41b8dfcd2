package daemon

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// lane is what is done for one site: one thing at a time, by the goroutine in run.
type lane struct {
	d      *Daemon
	site   *Site
	log    *slog.Logger
	mirror *mirror
	// dir holds the mirror, the state, the work tree and the log of the last build.
	dir string
	// empty stands for the work tree where there is none: what a commit does not
	// hold is then nowhere.
	empty string
	// fingerprint names the site's configuration.
	fingerprint string
	wake        chan struct{} // something was wished for

	mu     sync.Mutex
	wishes wishes
	saved  state
	phase  Phase
	since  time.Time
	next   time.Time
	// rest is the last phase in which nothing was done, since when is restSince: a
	// poll that finds nothing new does not begin it anew.
	rest      Phase
	restSince time.Time
	// troubles counts fetches that failed one after another.
	troubles int
	problem  string

	// owed is what a person wished with a look that failed.
	owed wishes
	// overtaken counts builds in a row that were ended for a newer commit.
	overtaken int

	asked   chan struct{} // whose turn it is to ask for deployments
	past    []kvsync.Deployment
	pastAt  time.Time
	pastErr error
}

// wishes are what somebody wants of a site. They are merged: however often
// somebody says that the branch moved, it is looked at once, as it is then.
type wishes struct {
	look bool
	// actor is who asked: a person before a push, a push before a poll.
	actor string
	// again has the head tried also if it was refused, held back or has failed.
	again     bool
	rollbacks []*rollback
}

func (w *wishes) ask(actor string, again bool) {
	if !w.look || again && !w.again || w.actor == "poll" {
		w.actor = actor
	}
	w.look, w.again = true, w.again || again
}

// rollback is one that somebody waits for.
type rollback struct {
	ctx       context.Context //nolint:containedctx // that of whoever waits
	to, actor string
	done      chan error
}

func (d *Daemon) newLane(site *Site) (*lane, error) {
	l := &lane{
		d: d, site: site, log: d.opt.Log.With("site", site.Name), wake: make(chan struct{}, 1),
		dir: filepath.Join(d.cfg.State, "sites", site.Name), phase: PhaseIdle, since: time.Now(),
		fingerprint: site.fingerprint(d.env["CLOUDFLARE_ACCOUNT_ID"]), asked: make(chan struct{}, 1),
	}
	l.empty = filepath.Join(l.dir, "empty")
	// The code's bundler wants the folder that it begins in to be there.
	if err := os.MkdirAll(filepath.Join(l.empty, filepath.FromSlash(site.Root)), 0o700); err != nil {
		return nil, err
	}
	l.mirror = &mirror{
		git: newGit(d.opt.Environ, d.secrets, site.Remote.settings(), site.Remote.redactor(d.redact)), dir: filepath.Join(l.dir, "mirror.git"), remote: site.Remote,
		limit: time.Duration(d.cfg.FetchTimeout), log: l.log,
	}
	sweep(l.dir)
	l.mirror.sweep()
	var err error
	if l.saved, err = loadState(l.file(), l.log); err != nil {
		return nil, err
	}
	return l, l.resume()
}

func (l *lane) file() string { return filepath.Join(l.dir, "state.json") }

// resume makes of what the last daemon left what this one begins with.
func (l *lane) resume() error {
	s := &l.saved
	if s.Remote != l.site.Remote.String() {
		if s.Remote != "" {
			l.log.Info("the remote is another one now", "remote", l.site.Remote.String(), "before", s.Remote)
			if err := l.mirror.discard(); err != nil {
				return err
			}
		}
		s.Remote, s.Branch, s.Head = l.site.Remote.String(), "", ""
	}
	if l.site.Branch != "" {
		s.Branch = l.site.Branch
	}
	if s.Running != nil {
		r := *s.Running
		r.Outcome, r.Problem = OutcomeInterrupted, "the daemon ended before it did"
		s.add(r)
		s.Running = nil
		// What it came to is not known: it is done again, which changes nothing that
		// was done.
		s.Settled = settled{}
	}
	// A start is somebody's attempt to mend things: what was refused or failed is
	// tried again at once. Only a quota is not renewed by that.
	if s.Settled.Phase != PhaseIdle || s.Settled.Config != l.fingerprint {
		s.Settled = settled{}
	}
	if !s.Quota || time.Until(s.Retry) > 25*time.Hour { // a quota is a day's: the clock was wrong
		s.Retry = time.Time{}
	}
	return s.save(l.file())
}

// change changes what is remembered, and has it on disk.
func (l *lane) change(f func(*state)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.saved)
	return l.saved.save(l.file())
}

// note is change for what is not lost if the disk is full: what it is about is
// found out again.
func (l *lane) note(f func(*state)) {
	if err := l.change(f); err != nil {
		l.log.Error("the state was not written", "error", err)
	}
}

// state is a copy of what is remembered.
func (l *lane) state() state {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.saved.clone()
}

func (l *lane) status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.saved.clone()
	return Status{
		Name: l.site.Name, Remote: s.Remote, Branch: s.Branch, Head: s.Head, Live: s.Live,
		Phase: l.phase, Since: l.since, Next: l.next, Problem: l.problem, Runs: s.Runs,
	}
}

// enter says what is being done, or why nothing is.
func (l *lane) enter(p Phase, problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.phase != p {
		l.phase, l.since = p, now
	}
	switch p {
	case PhaseIdle, PhaseRetry, PhaseHeld, PhaseRefused:
		if l.rest != p {
			l.rest, l.restSince = p, now
		}
		l.since = l.restSince
	case PhaseBuild, PhaseDeploy, PhaseRollback:
		l.rest, l.next = "", time.Time{}
	case PhaseFetch:
		l.next = time.Time{}
	}
	l.problem = l.d.redact(problem)
}

// wish says what somebody wants, and returns at once.
func (l *lane) wish(say func(*wishes)) {
	l.mu.Lock()
	say(&l.wishes)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
}

// take takes all wishes.
func (l *lane) take() wishes {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.wishes
	l.wishes = wishes{}
	return w
}

// run does what is wished for until the context ends.
func (l *lane) run(ctx context.Context) {
	l.wish(func(w *wishes) { w.ask("poll", false) })
	for ctx.Err() == nil {
		w := l.take()
		for _, r := range w.rollbacks {
			r.done <- l.rollback(ctx, r)
		}
		if w.look && ctx.Err() == nil {
			l.look(ctx, w)
		}
		if len(w.rollbacks) == 0 && !w.look {
			l.wait(ctx)
		}
	}
	for _, r := range l.take().rollbacks {
		r.done <- ErrStopped
	}
}

// wait sleeps until something is wished for, or is due.
func (l *lane) wait(ctx context.Context) {
	due := l.due(time.Now())
	var alarm <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(time.Until(due))
		defer t.Stop()
		alarm = t.C
	}
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-alarm:
		l.wish(func(w *wishes) { w.ask("poll", false) })
	}
}

// due is when the site is looked at next without being asked to; zero is never.
func (l *lane) due(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	var next time.Time
	if poll := time.Duration(*l.site.Poll); poll > 0 {
		// A little apart, so that sites that began together do not go on so.
		next = now.Add(poll - time.Duration(rand.Int64N(int64(poll)/10+1)))
	}
	if l.troubles > 0 {
		next = earlier(next, now.Add(l.backoff(l.troubles)))
	}
	if l.saved.Failed != "" && !l.saved.Retry.IsZero() {
		next = earlier(next, l.saved.Retry)
	}
	if l.saved.Release { // the account did not say which rollback is meant
		next = earlier(next, now.Add(l.backoff(releaseRetry)))
	}
	l.next = next
	return next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

const longestRetry = 5 * time.Minute

// releaseRetry is the number of failures after which a site waits as long as it
// does before it looks again for what is to be released: half a minute.
const releaseRetry = 5

// backoff is how long to wait after some failures in a row: about twice as long
// each time.
func (l *lane) backoff(failures int) time.Duration {
	d := longestRetry
	if failures < 20 {
		d = min(l.d.opt.FirstRetry<<(failures-1), longestRetry)
	}
	return d/2 + time.Duration(rand.Int64N(int64(d)/2+1))
}

// look fetches the branch and, if it is not as was deployed, deploys it.
func (l *lane) look(ctx context.Context, w wishes) {
	if l.owed.again {
		w.ask(l.owed.actor, true)
	}
	l.findReleased(ctx)
	head, err := l.fetch(ctx)
	if err != nil {
		l.missed(ctx, w, err)
		return
	}
	l.owed = wishes{}
	if !l.wanted(head, w, time.Now()) {
		return
	}
	select {
	case l.d.deploys <- struct{}{}:
	default:
		l.enter(PhaseIdle, "") // others may take hours, and this site is not stuck by that
		if !enter(ctx, l.d.deploys) {
			return
		}
	}
	defer leave(l.d.deploys)
	// It may have been a while: what was pushed meanwhile is newer.
	if more := l.takeLook(); more.look {
		l.findReleased(ctx)
		if newer, err := l.fetch(ctx); err == nil {
			head = newer
		} else {
			l.wish(func(w *wishes) { w.ask(more.actor, more.again) })
		}
		if more.again || w.actor == "poll" {
			w.actor = more.actor
		}
	}
	l.deploy(ctx, head, w.actor)
}

// takeLook takes the wish to look, and leaves the others.
func (l *lane) takeLook() wishes {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.wishes
	l.wishes = wishes{rollbacks: w.rollbacks}
	return w
}

// enter takes a place among those who do a thing at once.
func enter(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func leave(places chan struct{}) { <-places }

// fetch brings the mirror to where the branch is, and returns the commit.
func (l *lane) fetch(ctx context.Context) (head string, err error) {
	if !enter(ctx, l.d.fetches) {
		return "", ctx.Err()
	}
	defer leave(l.d.fetches)
	l.enter(PhaseFetch, l.status().Problem)
	started := time.Now()
	at, err := l.mirror.look(ctx, l.site.Branch)
	if err == nil {
		head, err = l.mirror.fetch(ctx, at)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	l.d.opt.Observer.Fetched(l.site.Name, time.Since(started), err)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	moved := l.saved.Head != head || l.saved.Branch != at.branch
	l.troubles = 0
	l.mu.Unlock()
	if moved {
		l.log.Info("the branch is at another commit", "branch", at.branch, "commit", head)
		l.note(func(s *state) { s.Branch, s.Head = at.branch, head })
	}
	return head, nil
}

// missed is a look that failed. What a person wished with it stays wished.
func (l *lane) missed(ctx context.Context, w wishes, err error) {
	if ctx.Err() != nil {
		return
	}
	l.owed = w
	l.mu.Lock()
	l.troubles++
	same := l.problem == l.d.redact(err.Error())
	l.mu.Unlock()
	if !same { // a remote that is down for a night is told of once
		l.log.Warn("the branch could not be fetched", "error", err)
	}
	l.enter(PhaseRetry, err.Error())
}

// wanted reports whether the head is to be deployed now, and else says what it
// waits for.
func (l *lane) wanted(head string, w wishes, now time.Time) bool {
	s := l.state()
	switch {
	case w.again:
		return true
	case s.Settled.Commit == head && s.Settled.Config == l.fingerprint && s.Released.IsZero():
		l.enter(s.Settled.Phase, s.Problem)
		return false
	case s.Failed != "" && now.Before(s.Retry) && (s.Failed == head || s.Quota):
		l.enter(PhaseRetry, s.Problem)
		return false
	}
	return true
}

package daemon

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon/mirror"
	"github.com/kv-sync/kv-sync/sync/version"
)

// siteWorker does all work for one site, one job at a time, in the goroutine that calls run.
type siteWorker struct {
	*inbox
	d      *Daemon
	site   *Site
	log    *slog.Logger
	mirror *mirror.Mirror
	// dir holds the mirror, the state, the work tree and the log of the last build.
	dir string
	// empty is an empty folder in place of a work tree: only files of the commit are
	// read.
	empty string
	// fingerprint identifies the site's configuration.
	fingerprint string

	mu    sync.Mutex
	saved state
	phase Phase
	since time.Time
	next  time.Time
	// restPhase is the last phase in which nothing ran, and restSince its start. A
	// poll that finds nothing new does not restart it.
	restPhase     Phase
	restSince     time.Time
	fetchFailures int // in a row
	fetched       time.Time
	problem       string

	// pendingRetry is the request of a poll that failed.
	pendingRetry request
	// recloned is the commit for which a damaged mirror was removed last.
	recloned string
	// superseded counts builds in a row that were cancelled for a newer commit.
	superseded int

	historySlot chan struct{} // serialises requests for the history
	history     []version.Deployment
	historyErr  error
	historyAt   time.Time
}

func (d *Daemon) newSiteWorker(site *Site) (*siteWorker, error) {
	w := &siteWorker{
		inbox: newInbox(), d: d, site: site, log: d.opt.Log.With("site", site.Name),
		dir: filepath.Join(d.cfg.State, "sites", site.Name), phase: PhaseIdle, since: time.Now(),
		fingerprint: site.fingerprint(d.env["CLOUDFLARE_ACCOUNT_ID"]), historySlot: make(chan struct{}, 1),
	}
	w.empty = filepath.Join(w.dir, "empty")
	// The bundler needs its start folder to exist.
	if err := os.MkdirAll(filepath.Join(w.empty, filepath.FromSlash(site.Root)), 0o700); err != nil {
		return nil, err
	}
	w.mirror = mirror.New(mirror.Options{
		Dir: filepath.Join(w.dir, "mirror.git"), Remote: site.Remote, Limit: time.Duration(d.cfg.FetchTimeout),
		Environ: d.opt.Environ, Secrets: d.secrets, Redact: d.redact, Log: w.log,
	})
	sweep(w.dir)
	w.mirror.Sweep()
	var err error
	if w.saved, err = loadState(w.stateFile(), w.log); err != nil {
		return nil, err
	}
	return w, w.resume()
}

func (w *siteWorker) stateFile() string { return filepath.Join(w.dir, "state.json") }

// resume reads the state that the last daemon left, and changes it into the first state.
func (w *siteWorker) resume() error {
	s := &w.saved
	if s.Remote != w.site.Remote.String() {
		if s.Remote != "" {
			w.log.Info("the remote has changed", "remote", w.site.Remote.String(), "before", s.Remote)
			if err := w.mirror.Discard(); err != nil {
				return err
			}
		}
		s.Remote, s.Branch, s.Head = w.site.Remote.String(), "", ""
	}
	if w.site.Branch != "" {
		s.Branch = w.site.Branch
	}
	if s.Running != nil {
		r := *s.Running
		r.Outcome, r.Problem = OutcomeInterrupted, "the daemon ended before the run did"
		s.add(r)
		s.Running = nil
		// The result of the run is unknown, so the run is repeated. The engine skips what is deployed already.
		s.Settled = settled{}
	}
	// After a start, a commit that was refused or has failed is tried again at once. Only a
	// used-up quota delays it.
	if s.Settled.Phase != PhaseIdle || s.Settled.Config != w.fingerprint {
		s.Settled = settled{}
	}
	if !s.Quota || time.Until(s.Retry) > 25*time.Hour { // a quota is renewed within a day: the clock was wrong
		s.Retry = time.Time{}
	}
	return s.save(w.stateFile())
}

// change changes the state and writes it to disk.
func (w *siteWorker) change(f func(*state)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.saved)
	return w.saved.save(w.stateFile())
}

// tryChange does the same as change, and only logs an error. It is for values that the next
// poll finds again.
func (w *siteWorker) tryChange(f func(*state)) {
	if err := w.change(f); err != nil {
		w.log.Error("the state could not be written", "error", err)
	}
}

// state returns a copy of the state.
func (w *siteWorker) state() state {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.saved.clone()
}

func (w *siteWorker) status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.saved.clone()
	return Status{
		Name: w.site.Name, Remote: s.Remote, Branch: s.Branch, Head: s.Head, Live: s.Live,
		Phase: w.phase, Since: w.since, Next: w.next, Problem: w.problem, Runs: s.Runs,
		Fetched: w.fetched, Failures: w.fetchFailures,
	}
}

// setPhase records what is being done, or why nothing is.
func (w *siteWorker) setPhase(p Phase, problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.phase != p {
		w.phase, w.since = p, now
	}
	switch p {
	case PhaseIdle, PhaseRetry, PhaseHeld, PhaseRefused:
		if w.restPhase != p {
			w.restPhase, w.restSince = p, now
		}
		w.since = w.restSince
	case PhaseBuild, PhaseDeploy, PhaseRollback:
		w.restPhase, w.next = "", time.Time{}
	case PhaseFetch:
		w.next = time.Time{}
	}
	w.problem = w.d.redact(problem)
}

// run handles requests until the context ends.
func (w *siteWorker) run(ctx context.Context) {
	w.requestPoll("poll", false)
	for ctx.Err() == nil {
		r := w.take()
		for _, back := range r.rollbacks {
			back.done <- w.rollback(ctx, back)
		}
		if r.poll && ctx.Err() == nil {
			w.poll(ctx, r)
		}
		if len(r.rollbacks) == 0 && !r.poll {
			w.wait(ctx)
		}
	}
	for _, back := range w.take().rollbacks {
		back.done <- ErrStopped
	}
}

// wait returns when there is a request, or a poll is due.
func (w *siteWorker) wait(ctx context.Context) {
	due := w.due(time.Now())
	var alarm <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(time.Until(due))
		defer t.Stop()
		alarm = t.C
	}
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-alarm:
		w.requestPoll("poll", false)
	}
}

// due returns the time of the next poll without a request. Zero is never.
func (w *siteWorker) due(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	var next time.Time
	if poll := time.Duration(*w.site.Poll); poll > 0 {
		// Jitter spreads sites that started together.
		next = now.Add(poll - time.Duration(rand.Int64N(int64(poll)/10+1)))
	}
	if w.fetchFailures > 0 { // after a failed fetch the backoff replaces the poll interval
		next = now.Add(w.backoff(w.fetchFailures))
	}
	if w.saved.Failed != "" && !w.saved.Retry.IsZero() {
		next = earlier(next, w.saved.Retry)
	}
	if w.saved.Release { // the rollback to release is not known yet
		next = earlier(next, now.Add(w.backoff(releaseRetry)))
	}
	w.next = next
	return next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

const longestRetry = 5 * time.Minute

// releaseRetry is the number of failures whose backoff, half a minute, is the time
// between two attempts to find the rollback to release.
const releaseRetry = 5

// backoff returns the wait after a number of failures in a row. It about doubles
// with each.
func (w *siteWorker) backoff(failures int) time.Duration {
	d := longestRetry
	if failures < 20 {
		d = min(w.d.opt.FirstRetry<<(failures-1), longestRetry)
	}
	return d/2 + time.Duration(rand.Int64N(int64(d)/2+1))
}

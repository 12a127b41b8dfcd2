package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/filelock"
	"github.com/kv-sync/kv-sync/internal/wholefile"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// ErrRunning is returned (wrapped) by [Open] where another daemon has the state
// folder.
var ErrRunning = errors.New("another kv-sync daemon works there")

// ErrStopped is returned (wrapped) for what a daemon that ends does not do any more.
var ErrStopped = errors.New("the daemon is stopping")

// Options are what a daemon is opened with, beside its configuration.
type Options struct {
	// Environ is the environment: where the account is reached, and what git and
	// builds get, without what is not for them. nil is this process's.
	Environ []string
	// Log gets one line an event; nil is nobody.
	Log *slog.Logger
	// Observer is told what happens; nil is nobody.
	Observer Observer
	// FirstRetry is the wait after a first failure; 0 is 2 seconds. Each further
	// one doubles it, up to 5 minutes.
	FirstRetry time.Duration
}

// Daemon keeps sites as their branches are. Its methods are safe for concurrent use.
type Daemon struct {
	cfg     *Config
	opt     Options
	env     map[string]string
	secrets []string
	redact  func(string) string
	lock    io.Closer
	shared  *app.Shared
	heard   *Deliveries
	lanes   []*lane
	deploys chan struct{} // a place for each site that is built or deployed
	fetches chan struct{} // a place for each that is fetched
	ended   chan struct{} // closed when Run has ended
}

var _ Sites = (*Daemon)(nil)

// Open takes the state folder and reads what is in it. It runs nothing and sends
// nothing. Close the daemon when [Daemon.Run] is done.
func Open(cfg *Config, opt Options) (_ *Daemon, err error) {
	if opt.Environ == nil {
		opt.Environ = os.Environ()
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Observer == nil {
		opt.Observer = nobody{}
	}
	opt.FirstRetry = cmp.Or(opt.FirstRetry, 2*time.Second)
	d := &Daemon{
		cfg: cfg, opt: opt, env: map[string]string{}, shared: app.NewShared(), ended: make(chan struct{}),
		deploys: make(chan struct{}, cfg.Parallel), fetches: make(chan struct{}, 4*cfg.Parallel),
	}
	for _, pair := range opt.Environ {
		name, value, _ := strings.Cut(pair, "=")
		d.env[name] = value
	}
	d.secrets = cfg.SecretValues(func(name string) string { return d.env[name] })
	d.redact = redactor(d.secrets)
	if err := os.MkdirAll(filepath.Join(cfg.State, "sites"), 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w; name one that the daemon may write to, as state", err)
	}
	d.lock, err = filelock.Acquire(filepath.Join(cfg.State, "lock"))
	if errors.Is(err, filelock.ErrHeld) {
		err = ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("take the state folder %s: %w; end it, or name another folder, as state", cfg.State, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.lock.Close())
		}
	}()
	sweep(cfg.State)
	if d.heard, err = openDeliveries(filepath.Join(cfg.State, "deliveries")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.heard.Close()
		}
	}()
	sites := slices.SortedFunc(slices.Values(cfg.Sites), func(a, b Site) int { return cmp.Compare(a.Name, b.Name) })
	for i := range sites {
		l, err := d.newLane(&sites[i])
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", sites[i].Name, err)
		}
		d.lanes = append(d.lanes, l)
	}
	return d, nil
}

// sweep removes files that a daemon that was killed was writing.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, wholefile.TempPrefix+"*"))
	for _, name := range left {
		_ = os.Remove(name)
	}
}

// redactor takes secrets out of a text. One that is too short to be one would
// make every text unreadable.
func redactor(secrets []string) func(string) string {
	var pairs []string
	// A secret may begin with another: the longer one is looked for first.
	for _, s := range slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) }) {
		if len(s) >= 6 {
			pairs = append(pairs, s, "***")
		}
	}
	return strings.NewReplacer(pairs...).Replace
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Ran(string, Run)                      {}
func (nobody) Fetched(string, time.Duration, error) {}

// Run keeps the sites until the context ends, and returns when what was under way
// has come to its safe end. It is called once.
func (d *Daemon) Run(ctx context.Context) {
	var lanes sync.WaitGroup
	for _, l := range d.lanes {
		lanes.Go(func() { l.run(ctx) })
	}
	lanes.Wait()
	close(d.ended)
}

// Close gives the state folder back.
func (d *Daemon) Close() error {
	d.shared.Close()
	return errors.Join(d.heard.Close(), d.lock.Close())
}

// Deliveries are the webhooks that came already.
func (d *Daemon) Deliveries() *Deliveries { return d.heard }

// Healthy says why the daemon cannot work, or nil: whether its state folder can be
// written to.
func (d *Daemon) Healthy() error {
	if err := wholefile.Write(filepath.Join(d.cfg.State, "healthy"), nil, 0o600); err != nil {
		return fmt.Errorf("the state folder cannot be written to: %w", err)
	}
	return nil
}

// Pushed has the sites looked at whose repository it was and whose branch that may
// be; known is whether any site has that repository. is says whether an address
// means the repository.
func (d *Daemon) Pushed(is func(remote string) bool, branch string) (known bool) {
	for _, l := range d.lanes {
		if !is(l.site.Remote.String()) {
			continue
		}
		known = true
		// Which branch the remote's HEAD names may have changed.
		if follows := l.site.Branch; follows == "" || follows == branch {
			l.wish(func(w *wishes) { w.ask("push", false) })
		}
	}
	return known
}

// Statuses implements [Sites].
func (d *Daemon) Statuses() []Status {
	out := make([]Status, len(d.lanes))
	for i, l := range d.lanes {
		out[i] = l.status()
	}
	return out
}

func (d *Daemon) lane(name string) (*lane, error) {
	for _, l := range d.lanes {
		if l.site.Name == name {
			return l, nil
		}
	}
	return nil, fmt.Errorf("%.80q: %w", name, ErrNoSite)
}

// Status implements [Sites].
func (d *Daemon) Status(name string) (Status, error) {
	l, err := d.lane(name)
	if err != nil {
		return Status{}, err
	}
	return l.status(), nil
}

// Look implements [Sites]. Whoever is not "push" or "poll" is a person, for whom
// the branch's head is tried also where it was refused before.
func (d *Daemon) Look(name, actor string) error {
	l, err := d.lane(name)
	if err != nil {
		return err
	}
	l.wish(func(w *wishes) { w.ask(actor, actor != "push" && actor != "poll") })
	return nil
}

// Release implements [Sites].
func (d *Daemon) Release(name, actor string) error {
	l, err := d.lane(name)
	if err != nil {
		return err
	}
	if err := l.change(func(s *state) { s.Release = true }); err != nil {
		return err
	}
	l.wish(func(w *wishes) { w.ask(actor, true) })
	return nil
}

// Rollback implements [Sites].
func (d *Daemon) Rollback(ctx context.Context, name, deployment, actor string) error {
	l, err := d.lane(name)
	if err != nil {
		return err
	}
	r := &rollback{ctx: ctx, to: deployment, actor: actor, done: make(chan error, 1)}
	l.wish(func(w *wishes) { w.rollbacks = append(w.rollbacks, r) })
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ended:
	}
	select {
	case err := <-r.done: // it was under way
		return err
	default:
	}
	return fmt.Errorf("roll %s back: %w", name, ErrStopped)
}

// Deployments implements [Sites].
func (d *Daemon) Deployments(ctx context.Context, name string) ([]kvsync.Deployment, error) {
	l, err := d.lane(name)
	if err != nil {
		return nil, err
	}
	return l.deployments(ctx)
}

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
	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/filelock"
	"github.com/kv-sync/kv-sync/sync/version"
)

// ErrRunning is returned (wrapped) by [Daemon.Open] if another daemon uses the state folder.
var ErrRunning = errors.New("another kv-sync daemon uses it")

// ErrStopped is returned (wrapped) for a request that a stopping daemon drops.
var ErrStopped = errors.New("the daemon is stopping")

// Options configure a daemon in addition to its configuration file.
type Options struct {
	// Environ is the environment. It gives access to the account. Git and builds get it
	// without the secrets that they must not have. The default is this process's.
	Environ []string
	// Log gets one line for each event. nil discards them.
	Log *slog.Logger
	// Observer counts events. It may be nil.
	Observer Observer
	// FirstRetry is the wait after a first failure. Each further failure doubles it,
	// up to 5 minutes. The default is 2 seconds.
	FirstRetry time.Duration
}

// Daemon keeps sites up to date with their branches. Its methods are safe for
// concurrent use.
type Daemon struct {
	cfg         *Config
	opt         Options
	env         map[string]string
	secrets     []string
	redact      func(string) string
	lock        io.Closer
	shared      *app.Shared
	deliveries  *Deliveries
	workers     []*siteWorker
	deploySlots chan struct{} // one for each site that is built or deployed
	fetchSlots  chan struct{} // one for each site that is fetched
	ended       chan struct{} // closed when Run returns
}

var _ Sites = (*Daemon)(nil)

// New returns a daemon. It reads and writes no file before [Daemon.Open].
func New(cfg *Config, opt Options) *Daemon {
	if opt.Environ == nil {
		opt.Environ = os.Environ()
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Observer == nil {
		opt.Observer = noObserver{}
	}
	opt.FirstRetry = cmp.Or(opt.FirstRetry, 2*time.Second)
	d := &Daemon{
		cfg: cfg, opt: opt, env: map[string]string{}, shared: app.NewShared(), ended: make(chan struct{}),
		deliveries:  newDeliveries(filepath.Join(cfg.State, "deliveries")),
		deploySlots: make(chan struct{}, cfg.Parallel), fetchSlots: make(chan struct{}, 4*cfg.Parallel),
	}
	for _, pair := range opt.Environ {
		name, value, _ := strings.Cut(pair, "=")
		d.env[name] = value
	}
	d.secrets = cfg.SecretValues(func(name string) string { return d.env[name] })
	d.redact = redactor(d.secrets)
	return d
}

// Open locks the state folder and reads it. It starts nothing and sends nothing. Call
// [Daemon.Close] after [Daemon.Run].
func (d *Daemon) Open() (err error) {
	if err := d.Check(); err != nil {
		return err
	}
	if d.lock, err = lockState(d.cfg.State); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	sweep(d.cfg.State)
	if err := d.deliveries.open(); err != nil {
		return err
	}
	sites := slices.SortedFunc(slices.Values(d.cfg.Sites), func(a, b Site) int { return cmp.Compare(a.Name, b.Name) })
	for i := range sites {
		w, err := d.newSiteWorker(&sites[i])
		if err != nil {
			return fmt.Errorf("site %s: %w", sites[i].Name, err)
		}
		d.workers = append(d.workers, w)
	}
	return nil
}

// lockState makes the state folder and locks it.
func lockState(dir string) (io.Closer, error) {
	if err := os.MkdirAll(filepath.Join(dir, "sites"), 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w; set state to a folder that the daemon may write to", err)
	}
	lock, err := filelock.Acquire(filepath.Join(dir, "lock"))
	if errors.Is(err, filelock.ErrHeld) {
		err = ErrRunning
	}
	if err != nil {
		return nil, fmt.Errorf("lock the state folder %s: %w; end it, or set state to another folder", dir, err)
	}
	return lock, nil
}

// sweep removes temporary files that a killed daemon left.
func sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, atomicfile.TempPrefix+"*"))
	for _, name := range left {
		_ = os.Remove(name)
	}
}

// redactor returns a function that replaces secrets in a text. Very short values
// are ignored: replacing them would make any text unreadable.
func redactor(secrets []string) func(string) string {
	var pairs []string
	// Longer ones first, because a secret may begin with another.
	for _, s := range slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return len(b) - len(a) }) {
		if len(s) >= 6 {
			pairs = append(pairs, s, "***")
		}
	}
	return strings.NewReplacer(pairs...).Replace
}

type noObserver struct{}

func (noObserver) Ran(string, Run)                      {}
func (noObserver) Fetched(string, time.Duration, error) {}

// Run works until the context ends, and returns when the current runs have ended
// safely. It is called once.
func (d *Daemon) Run(ctx context.Context) {
	var workers sync.WaitGroup
	for _, w := range d.workers {
		workers.Go(func() { w.run(ctx) })
	}
	workers.Wait()
	close(d.ended)
}

// Close unlocks the state folder.
func (d *Daemon) Close() error {
	d.shared.Close()
	return errors.Join(d.deliveries.Close(), d.lock.Close())
}

// Deliveries returns the webhook deliveries that were accepted.
func (d *Daemon) Deliveries() *Deliveries { return d.deliveries }

// probe is what Healthy writes. It is large, because an empty or tiny file can often be
// written to a full disk.
var probe = make([]byte, 64<<10)

// Healthy returns an error if the state folder cannot be written to. It writes a file there
// and syncs it to the disk.
func (d *Daemon) Healthy() error {
	if err := atomicfile.WriteDurable(filepath.Join(d.cfg.State, "healthy"), probe, 0o600); err != nil {
		return fmt.Errorf("the state folder cannot be written to: %w", err)
	}
	return nil
}

// Pushed schedules a poll of the sites that use the repository and may follow the
// branch. is reports whether a remote is the repository; known reports whether any
// site uses it.
func (d *Daemon) Pushed(is func(remote string) bool, branch string) (known bool) {
	for _, w := range d.workers {
		if !is(w.site.Remote.String()) {
			continue
		}
		known = true
		// Without a configured branch any push may change the remote's HEAD.
		if follows := w.site.Branch; follows == "" || follows == branch {
			w.requestPoll("push", false)
		}
	}
	return known
}

// Statuses implements [Sites].
func (d *Daemon) Statuses() []Status {
	out := make([]Status, len(d.workers))
	for i, w := range d.workers {
		out[i] = w.status()
	}
	return out
}

func (d *Daemon) worker(name string) (*siteWorker, error) {
	for _, w := range d.workers {
		if w.site.Name == name {
			return w, nil
		}
	}
	return nil, fmt.Errorf("%.80q: %w", name, ErrNoSite)
}

// Status implements [Sites].
func (d *Daemon) Status(name string) (Status, error) {
	w, err := d.worker(name)
	if err != nil {
		return Status{}, err
	}
	return w.status(), nil
}

// Poll implements [Sites]. An actor other than "push" and "poll" is a person. For a person
// the branch's head is tried again even if it was refused before.
func (d *Daemon) Poll(name, actor string) error {
	w, err := d.worker(name)
	if err != nil {
		return err
	}
	w.requestPoll(actor, actor != "push" && actor != "poll")
	return nil
}

// Release implements [Sites].
func (d *Daemon) Release(name, actor string) error {
	w, err := d.worker(name)
	if err != nil {
		return err
	}
	if err := w.change(func(s *state) { s.Release = true }); err != nil {
		return err
	}
	w.requestPoll(actor, true)
	return nil
}

// Rollback implements [Sites].
func (d *Daemon) Rollback(ctx context.Context, name, deployment, actor string) error {
	w, err := d.worker(name)
	if err != nil {
		return err
	}
	r := &rollback{ctx: ctx, to: deployment, actor: actor, done: make(chan error, 1)}
	w.requestRollback(r)
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ended:
	}
	select {
	case err := <-r.done: // the rollback had begun
		return err
	default:
	}
	return fmt.Errorf("roll %s back: %w", name, ErrStopped)
}

// Deployments implements [Sites].
func (d *Daemon) Deployments(ctx context.Context, name string) ([]version.Deployment, error) {
	w, err := d.worker(name)
	if err != nil {
		return nil, err
	}
	return w.deployments(ctx)
}

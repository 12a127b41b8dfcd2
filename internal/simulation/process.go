package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/simulation/worktree"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/site"
)

const (
	accountID = "0123456789abcdef0123456789abcdef"
	token     = "simulated-token"
)

// Process is one run of kv-sync, or of another tool.
type Process struct {
	// Name is the site, a slash, and what it does: the checker goes by both.
	Name string
	// Err is what it ended with, once it has ended.
	Err error
	// Notes are the lines for people.
	Notes []string
	// Skew is how far its clock is ahead.
	Skew time.Duration

	world    *World
	machine  *machine
	ctx      context.Context
	cancel   context.CancelFunc
	killed   chan struct{}
	over     chan struct{} // closed when it has ended
	speed    int
	calls    int
	seed     uint64
	killNext bool         // it is killed at its next call
	jump     atomic.Int64 // a fault of its clock until its next call
	mu       sync.Mutex   // of Notes

	dead, ended bool      // World.mu
	end         time.Time // World.mu
}

// machine is where processes run that share a cache folder.
type machine struct {
	mu    sync.Mutex
	cache map[string][]byte
	tree  *worktree.Tree // the work tree, or nil
}

// Start starts a process on a machine, in its turn.
func (w *World) Start(name, on string, run func(context.Context, *Process) error) *Process {
	p := &Process{Name: name, world: w, machine: w.machine(on), killed: make(chan struct{}), over: make(chan struct{}),
		speed: 1 + w.random.IntN(8), seed: w.random.Uint64()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	w.mu.Lock()
	w.processes = append(w.processes, p)
	w.mu.Unlock()
	w.running.Go(func() {
		p.Act("begin", "", func() string { return "" })
		err := run(p.ctx, p)
		w.mu.Lock()
		p.Err, p.ended, p.end = err, true, time.Now()
		if !p.dead {
			w.log("%s ends: %s", name, ending(err))
		}
		w.mu.Unlock()
		close(p.over)
		w.awake()
	})
	return p
}

// ending says how a process ended. Which of several errors of the same moment it reports may
// differ, so it does not say more.
func ending(err error) string {
	var stopped *guard.Error
	switch {
	case err == nil:
		return "it succeeds"
	case errors.Is(err, cloud.ErrUnknown):
		return "the outcome is not known"
	case errors.As(err, &stopped):
		return "refused: " + string(stopped.Guard)
	}
	return "it fails"
}

// Do runs a process to its end, alone or beside those that run already.
func (w *World) Do(name, on string, run func(context.Context, *Process) error) *Process {
	p := w.Start(name, on, run)
	w.Run()
	return p
}

// Must is Do for what has to succeed.
func (w *World) Must(name, on string, run func(context.Context, *Process) error) {
	if p := w.Do(name, on, run); p.Err != nil {
		panic(fmt.Sprintf("%s: %v\n%s", name, p.Err, w.History()))
	}
}

func (w *World) machine(name string) *machine {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.machines[name] == nil {
		w.machines[name] = &machine{cache: make(map[string][]byte)}
	}
	return w.machines[name]
}

// Kill ends the process at once: nothing that it sends is carried out any more.
func (p *Process) Kill() {
	p.world.mu.Lock()
	was := p.dead
	p.dead = true
	p.world.mu.Unlock()
	if !was {
		close(p.killed)
		p.cancel()
	}
}

func (p *Process) isDead() bool {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.dead
}

// Await returns when the process has ended or was killed.
func (p *Process) Await() {
	select {
	case <-p.over:
	case <-p.killed:
	}
}

// isOver reports whether it has ended or was killed.
func (p *Process) isOver() bool {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.dead || p.ended
}

// Dead reports whether it was killed.
func (p *Process) Dead() bool { return p.isDead() }

// Engine is the engine with the client that this process uses.
func (p *Process) Engine(c site.Config) *kvsync.Engine {
	account, err := cloudflare.New(cloudflare.Options{Token: token, AccountID: accountID, Transport: p, Jitter: p.jitter})
	if err != nil {
		panic(err)
	}
	c.Account, c.AccountID, c.Cache = account, accountID, p
	c.Now = func() time.Time { return time.Now().Add(p.Skew + time.Duration(p.jump.Load())) }
	c.Progress = func(s site.Progress) {
		if s.Note != "" {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.Notes = append(p.Notes, s.Note)
		}
	}
	e, err := kvsync.New(c)
	if err != nil {
		panic(err)
	}
	return e
}

// jitter is the same for calls that fail at the same time, whichever of them asks first.
func (p *Process) jitter(most time.Duration) time.Duration {
	return rand2(rand.New(rand.NewPCG(p.seed, uint64(time.Since(p.world.start)))), most)
}

// Get implements [site.Cache].
func (p *Process) Get(name string) ([]byte, bool) {
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	b, ok := p.machine.cache[name]
	return b, ok
}

// Put implements [site.Cache]. A dead process writes nothing.
func (p *Process) Put(name string, value []byte) {
	if p.isDead() {
		return
	}
	p.machine.mu.Lock()
	defer p.machine.mu.Unlock()
	p.machine.cache[name] = value
}

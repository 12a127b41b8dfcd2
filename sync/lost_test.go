package kvsync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/settle"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// switchFault is a fault of the request that switches. inject may call now, which carries the request
// out. It returns the error that the run gets.
type switchFault struct {
	name   string
	inject func(m *faultState, now func() error) error
	// times is how often it happens; 0 is once.
	times int
	// known is set if the run can find out the result of the switch, and then switches. Without
	// known it ends with an unknown outcome or, with refused, because the API refused.
	known, refused bool
}

// faultState is the state of the faults of one run.
type faultState struct {
	cancel context.CancelFunc
	later  []func()
}

var (
	errBroken = fmt.Errorf("%w: the connection broke", cloud.ErrUnknown)
	errRefuse = errors.New("403: no")
)

// after carries the request out after some time.
func (f *faultState) after(c *central, d time.Duration, now func() error) {
	f.later = append(f.later, func() {
		time.Sleep(d)
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = now()
	})
	go f.later[len(f.later)-1]()
}

func switchFaults(c *central) []switchFault {
	lateBy := func(d time.Duration) func(*faultState, func() error) error {
		return func(m *faultState, now func() error) error { m.after(c, d, now); return errBroken }
	}
	return []switchFault{
		{name: "no fault", known: true, inject: func(_ *faultState, now func() error) error { return now() }},
		{name: "never arrived", known: true, inject: func(*faultState, func() error) error { return errBroken }},
		{name: "never arrives", times: 9, inject: func(*faultState, func() error) error { return errBroken }},
		{name: "carried out, answer lost", known: true, inject: func(_ *faultState, now func() error) error {
			_ = now()
			return errBroken
		}},
		{name: "carried out after 300 ms", known: true, inject: lateBy(300 * time.Millisecond)},
		{name: "carried out after 2 s", known: true, inject: lateBy(2 * time.Second)},
		{name: "carried out after 7 s", known: true, inject: lateBy(7 * time.Second)},
		{name: "carried out after a minute", known: true, inject: lateBy(time.Minute)},
		{name: "refused", refused: true, times: 9, inject: func(*faultState, func() error) error { return errRefuse }},
		{name: "refused and carried out", known: true, inject: func(_ *faultState, now func() error) error {
			_ = now()
			return errRefuse
		}},
		{name: "confirmed and not carried out", times: 9, inject: func(*faultState, func() error) error { return nil }},
		{name: "confirmed and carried out after 2 s", known: true, inject: func(m *faultState, now func() error) error {
			m.after(c, 2*time.Second, now)
			return nil
		}},
		{name: "cancelled before it, carried out", known: true, inject: func(m *faultState, now func() error) error {
			m.cancel()
			return now()
		}},
		{name: "cancelled, carried out, answer lost", known: true, inject: func(m *faultState, now func() error) error {
			_ = now()
			m.cancel()
			return errBroken
		}},
		{name: "cancelled, carried out after 1 s", known: true, inject: func(m *faultState, now func() error) error {
			m.cancel()
			m.after(c, time.Second, now)
			return errBroken
		}},
		{name: "cancelled, carried out after 5 s", inject: func(m *faultState, now func() error) error {
			m.cancel()
			m.after(c, 5*time.Second, now)
			return errBroken
		}},
		{name: "cancelled, never arrived", inject: func(m *faultState, _ func() error) error {
			m.cancel()
			return errBroken
		}},
	}
}

// lostRun is a run with a switch.
type lostRun struct {
	name string
	// deployed is how many commits are live before, run makes the switch, and want is the
	// place in the history of what is then live.
	deployed int
	run      func(ctx context.Context, e *kvsync.Engine, h []*memory) (*kvsync.Result, error)
	want     int
	put      bool // it switches by a script upload
}

var lostRuns = []lostRun{
	{"first deploy", 0, func(ctx context.Context, e *kvsync.Engine, h []*memory) (*kvsync.Result, error) {
		return e.Deploy(ctx, h[0], script, plan.Options{})
	}, 0, true},
	{"deploy", 2, func(ctx context.Context, e *kvsync.Engine, h []*memory) (*kvsync.Result, error) {
		return e.Deploy(ctx, h[2], script, plan.Options{})
	}, 2, false},
	{"activation for a newer commit", 3, func(ctx context.Context, e *kvsync.Engine, h []*memory) (*kvsync.Result, error) {
		return e.Deploy(ctx, h[3], script, plan.Options{}) // it has the files of the one before
	}, 3, false},
	{"rollback", 3, func(ctx context.Context, e *kvsync.Engine, h []*memory) (*kvsync.Result, error) {
		return e.Rollback(ctx, kvsync.RollbackOptions{})
	}, 1, false},
}

// Promise 8: whatever happens to the request that switches, the run reports what is live. It says
// that it switched only if it did, that nothing was switched only if that is certain, and otherwise
// that the outcome is not known. A request that did not arrive is sent again.
func TestLostSwitch(t *testing.T) {
	defer kvsync.SetLooks(settle.Pauses...)()
	for _, r := range lostRuns {
		for i, m := range switchFaults(nil) {
			t.Run(r.name+"/"+m.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { r.test(t, i) })
			})
		}
	}
}

// A run that switched over a newer commit makes that commit live again. If a fault hits this second
// switch, the newer commit is live in the end, or the run says what is live.
func TestLostRestore(t *testing.T) {
	defer kvsync.SetLooks(settle.Pauses...)()
	for i, m := range switchFaults(nil) {
		t.Run(m.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testLostRestore(t, i) }) })
	}
}

func testLostRestore(t *testing.T, which int) {
	c := newCentral()
	m := switchFaults(c)[which]
	h := history(one, two, three)
	if err := c.deploy(t.Context(), h[0]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := &faultState{cancel: cancel}
	activations, left := 0, max(m.times, 1)
	if m.times > 1 {
		left = 99
	}
	c.intercept = func(_, kind string, do func() error) error {
		if kind != "activate" {
			return do()
		}
		activations++
		switch {
		case activations == 1: // the newest commit, in the moment before
			c.mu.Unlock()
			if err := c.deploy(t.Context(), h[2]); err != nil {
				t.Error(err)
			}
			c.mu.Lock()
			return do()
		case activations <= 2 || left == 0: // of the newest, and of this run
			return do()
		}
		left--
		return m.inject(all, do)
	}
	err := c.deploy(ctx, h[1])
	c.mu.Lock()
	c.intercept = nil
	c.mu.Unlock()
	live, unknown := c.commit(t) == h[2].commit, errors.Is(err, cloud.ErrUnknown)
	if !live && !unknown || err == nil {
		t.Errorf("got %v, and the newest is live: %v", err, live)
	}
	if m.refused && (!unknown || !strings.Contains(err.Error(), "is live and replaced")) {
		t.Errorf("got %v, want what is live instead", err)
	}
	time.Sleep(2 * time.Minute) // what is late happens
}

// test runs with one of the faults.
func (r lostRun) test(t *testing.T, which int) {
	c := newCentral()
	m := switchFaults(c)[which]
	h := history(one, two, three, three)
	notes := &cache{}
	engine := func() *kvsync.Engine {
		e, err := kvsync.New(site.Config{Site: "blog", Account: c.as(""), Cache: notes})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, src := range h[:r.deployed] {
		if _, err := engine().Deploy(t.Context(), src, script, plan.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	before := len(c.activations)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := &faultState{cancel: cancel}
	left := max(m.times, 1)
	c.intercept = func(_, kind string, do func() error) error {
		if left == 0 || kind != "activate" && kind != "put script" {
			return do()
		}
		left--
		return m.inject(all, do)
	}
	_, err := r.run(ctx, engine(), h)
	live := len(c.activations) > before && c.commit(t) == h[r.want].commit
	switch {
	case m.known && (err != nil || !live):
		t.Errorf("got %v, and it is live: %v", err, live)
	case m.refused && (!errors.Is(err, errRefuse) || errors.Is(err, cloud.ErrUnknown)):
		t.Errorf("got %v, want the refusal", err)
	case !m.known && !m.refused && !errors.Is(err, cloud.ErrUnknown):
		t.Errorf("got %v, want an unknown outcome", err)
	}
	if m.refused && len(c.activations) != before {
		t.Errorf("refused, and %d activations", len(c.activations)-before)
	}
	time.Sleep(2 * time.Minute) // what is late happens
	if m.known {
		return
	}
	left = 0
	if _, err := r.run(t.Context(), engine(), h); err != nil {
		t.Errorf("once more: %v", err)
	}
	if c.commit(t) != h[r.want].commit {
		t.Errorf("once more: %s is live", c.commit(t))
	}
}

// Promise 8 says how often a switch without an answer is sent, and how long a run waits for it.
func TestTimesOfALostSwitch(t *testing.T) {
	defer kvsync.SetLooks(settle.Pauses...)()
	for _, run := range []struct {
		name   string
		cancel bool
		sent   int
		most   time.Duration // for each that was sent
	}{{"never arrives", false, 3, 8 * time.Second}, {"cancelled", true, 1, 2 * time.Second}} {
		t.Run(run.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, h, sent := newCentral(), history(one, two), 0
				if err := c.deploy(t.Context(), h[0]); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c.intercept = func(_, kind string, do func() error) error {
					if kind != "activate" {
						return do()
					}
					if sent++; run.cancel {
						cancel()
					}
					return errBroken
				}
				begun := time.Now()
				if err := c.deploy(ctx, h[1]); !errors.Is(err, cloud.ErrUnknown) {
					t.Errorf("got %v, want an unknown outcome", err)
				}
				each := time.Since(begun) / time.Duration(max(sent, 1))
				if sent != run.sent || each > run.most || each < run.most/2 {
					t.Errorf("sent %d times, and looked for %v each time", sent, each)
				}
			})
		})
	}
}

// Promise 8: after a cancellation the run waits up to 6 seconds for the answer to a switch.
func TestPatienceAfterACancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := kvsync.New(site.Config{Site: "blog", Account: newCentral().as("")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := time.Now()
		err = e.Send(ctx, func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		if waited := time.Since(begun); err == nil || waited != 6*time.Second {
			t.Errorf("got %v after %v", err, waited)
		}
	})
}

// Promise 8: if the outcome of a rollback is unknown, the same command within an hour does not roll
// back a second time.
func TestRepeatedRollback(t *testing.T) {
	defer kvsync.SetLooks(settle.Pauses...)()
	for later, want := range map[time.Duration]int{59 * time.Minute: 1, 61 * time.Minute: 0} {
		t.Run(later.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, h := newCentral(), history(one, two, three)
				for _, src := range h {
					if err := c.deploy(t.Context(), src); err != nil {
						t.Fatal(err)
					}
				}
				e, err := kvsync.New(site.Config{Site: "blog", Account: c.as(""), Cache: &cache{}})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c.intercept = func(_, kind string, do func() error) error {
					if kind != "activate" {
						return do()
					}
					cancel()
					(&faultState{}).after(c, 5*time.Second, do)
					return errBroken
				}
				if _, err := e.Rollback(ctx, kvsync.RollbackOptions{}); !errors.Is(err, cloud.ErrUnknown) {
					t.Fatalf("got %v, want an unknown outcome", err)
				}
				time.Sleep(later)
				c.mu.Lock()
				c.intercept = nil
				c.mu.Unlock()
				if _, err := e.Rollback(t.Context(), kvsync.RollbackOptions{}); err != nil || c.commit(t) != h[want].commit {
					t.Errorf("got %v, and %s is live", err, c.commit(t))
				}
			})
		})
	}
}

// deploy makes a run without notes of earlier ones.
func (c *central) deploy(ctx context.Context, src *memory) error {
	e, err := kvsync.New(site.Config{Site: "blog", Account: c.as("")})
	if err != nil {
		return err
	}
	_, err = e.Deploy(ctx, src, script, plan.Options{})
	return err
}

// commit is the commit that the last activation names.
func (c *central) commit(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	return version.ReadMessage(c.activations[0].Message).Commit
}

// Promise 8: an empty list of deployments after a switch says nothing about it.
func TestEmptyListAfterASwitch(t *testing.T) {
	for answered, unknown := range map[bool]bool{true: false, false: true} {
		synctest.Test(t, func(t *testing.T) {
			c, h := newCentral(), history(one, two)
			if err := c.deploy(t.Context(), h[0]); err != nil {
				t.Fatal(err)
			}
			c.intercept = func(_, kind string, do func() error) error {
				if kind != "activate" {
					return do()
				}
				c.listed = 0
				if answered {
					return do()
				}
				return errBroken
			}
			if err := c.deploy(t.Context(), h[1]); errors.Is(err, cloud.ErrUnknown) != unknown || !unknown && err != nil {
				t.Errorf("the switch was answered: %v; got %v", answered, err)
			}
		})
	}
}

// Promise 5: after one request without an answer, the run still checks its switch. A switch that
// restores another deployment is awaited like any other.
func TestLookAfterARace(t *testing.T) {
	defer kvsync.SetLooks(settle.Pauses...)()
	for name, inject := range map[string]func(c *central, kind string, n int, do func() error) error{
		"one look fails": func(_ *central, kind string, n int, do func() error) error {
			if kind == "look" && n == 1 {
				return errors.New("no answer")
			}
			return do()
		},
		"the restore is 5 s late": func(c *central, kind string, n int, do func() error) error {
			if kind == "activate" && n == 2 {
				(&faultState{}).after(c, 5*time.Second, do)
				return errBroken
			}
			return do()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, h := newCentral(), history(one, two, three)
				if err := c.deploy(t.Context(), h[0]); err != nil {
					t.Fatal(err)
				}
				counts, newest := map[string]int{}, false
				c.intercept = func(_, kind string, do func() error) error {
					if kind == "activate" && !newest { // the newest commit, in the moment before
						newest = true
						c.mu.Unlock()
						if err := c.deploy(t.Context(), h[2]); err != nil {
							t.Error(err)
						}
						c.mu.Lock()
						counts = map[string]int{}
					}
					if counts[kind]++; !newest {
						return do()
					}
					return inject(c, kind, counts[kind], do)
				}
				err := c.deploy(t.Context(), h[1])
				before := len(c.activations)
				time.Sleep(time.Minute)
				if err == nil || c.commit(t) != h[2].commit {
					t.Errorf("got %v, and %s is live", err, c.commit(t))
				}
				if len(c.activations) != before {
					t.Errorf("the run ended before its restore was carried out")
				}
			})
		})
	}
}

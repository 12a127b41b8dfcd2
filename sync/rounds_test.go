package kvsync_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// round has several runs at the same time, over a site with three deployments.
type round struct {
	t       *testing.T
	world   *central
	history []*memory
	before  int // how many of the commits were deployed before
	failed  map[string]error
	held    string // by the rollback, if it was done
	notes   []string
	secret  string // the last one that was set
}

func (r *round) engine(actor string) *kvsync.Engine {
	e, err := kvsync.New(site.Config{Site: "blog", Account: r.world.as(actor), Retain: 4,
		Progress: func(p site.Progress) {
			if p.Note != "" {
				r.world.mu.Lock()
				defer r.world.mu.Unlock()
				r.notes = append(r.notes, actor+": "+p.Note)
			}
		}})
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

// newRound deploys three commits, the last of them two days ago.
func newRound(t *testing.T, deployers int) *round {
	r := &round{t: t, world: newCentral(), before: 3, failed: make(map[string]error)}
	var contents []files
	for i := range r.before + deployers {
		contents = append(contents, files{"/index.html": fmt.Sprint("page of ", i), "/about.html": "about"})
	}
	r.history = history(contents...)
	for _, src := range r.history[:r.before] {
		if _, err := r.engine("").Deploy(t.Context(), src, script, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
	}
	if err := r.world.as("").Workers("").(*centralWorkers).setSecret(t.Context(), "KEY", "first"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(48 * time.Hour)
	return r
}

// actors are the runs of a round by name.
func (r *round) actors(random *rand.Rand, deployers int) map[string]func() {
	ctx := r.t.Context()
	actors := make(map[string]func())
	note := func(name string, err error) {
		r.world.mu.Lock()
		defer r.world.mu.Unlock()
		r.failed[name] = err
	}
	for i := range deployers {
		name := fmt.Sprint("deploy ", i)
		actors[name] = func() {
			_, err := r.engine(name).Deploy(ctx, r.history[r.before+i], script, plan.Options{})
			note(name, err)
		}
	}
	if random.IntN(2) == 0 {
		actors["prune"] = func() { _, _ = r.engine("prune").Prune(ctx, layout.PruneOptions{}) }
	}
	if random.IntN(2) == 0 {
		actors["rollback"] = func() {
			res, err := r.engine("rollback").Rollback(ctx, kvsync.RollbackOptions{})
			note("rollback", err)
			if err == nil {
				r.held = res.Hold
			}
		}
	}
	for i := range random.IntN(3) {
		name := fmt.Sprint("secret ", i)
		actors[name] = func() {
			w := r.world.as(name).Workers("").(*centralWorkers)
			if w.setSecret(ctx, "KEY", name) == nil {
				r.secret = name
			}
		}
	}
	return actors
}

// live returns the index of the live commit in the history, and the secret of the live version.
func (r *round) live() (commit int, secret string) {
	ctx := r.t.Context()
	top := r.world.activations[0]
	v, err := r.world.as("").Workers("").Version(ctx, top.Main())
	if err != nil {
		r.t.Fatal(err)
	}
	var m version.Meta
	for _, b := range v.Bindings {
		if b.Name == cloud.BindingMeta {
			if err := json.Unmarshal(b.Fields["json"], &m); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	if _, ok := r.world.kv["blog/m/"+m.Manifest]; !ok {
		r.t.Errorf("the live manifest is gone")
	}
	return slices.IndexFunc(r.history, func(h *memory) bool { return h.commit == m.Commit }),
		r.world.versions[top.Main()].secrets["KEY"]
}

// check reports what is wrong at the end of a round, or "".
func (r *round) check(deployers int) string {
	live, secret := r.live()
	held := slices.IndexFunc(r.history, func(h *memory) bool { return h.commit == r.held })
	for i := range deployers {
		n := r.before + i
		if n > live && n > held && r.failed[fmt.Sprint("deploy ", i)] == nil {
			return fmt.Sprintf("commit %d is live, and the run of %d says that that one is", live, n)
		}
	}
	if held >= 0 && live <= held && !strings.HasPrefix(r.world.activations[0].Message, "Rollback") &&
		r.world.activations[0].Message != "" {
		return fmt.Sprintf("commit %d is live, and %d was rolled back from", live, held)
	}
	told := slices.ContainsFunc(r.notes, func(n string) bool { return strings.Contains(n, "change it again") })
	if r.secret != "" && secret == "first" && !told {
		return "a secret is lost, and nobody said so"
	}
	return ""
}

// story describes what happened in a round, for a person who looks for the reason of a failure.
func (r *round) story() string {
	var out strings.Builder
	for _, a := range slices.Backward(r.world.activations) {
		fmt.Fprintf(&out, "  %s %s %s\n", a.ID, a.Main(), a.Message)
	}
	for name, err := range r.failed {
		fmt.Fprintf(&out, "  %s: %v\n", name, err)
	}
	for _, n := range r.notes {
		fmt.Fprintf(&out, "  %s\n", n)
	}
	return out.String()
}

// hard are seeds with more activations within one race than the API lists, by the number of
// deployers. A run then knows only from messages what others contain.
var hard = map[int][]uint64{5: {578, 1708, 1962, 2492, 2780, 4370, 5152}}

// Promise 5: if several commits are deployed at the same time, the newest is live in the end, or
// its run says that it is not. A prune, a rollback and changes of secrets run at the same time, and
// the requests are carried out in any order.
func TestNewestOfSeveralDeployers(t *testing.T) {
	t.Parallel()
	const rounds = 200
	for _, deployers := range []int{3, 5} {
		t.Run(fmt.Sprint(deployers), func(t *testing.T) {
			newest := 0
			seeds := slices.Clone(hard[deployers])
			for seed := range uint64(rounds) {
				seeds = append(seeds, seed)
			}
			for _, seed := range seeds {
				synctest.Test(t, func(t *testing.T) {
					r := newRound(t, deployers)
					r.world.listed = []int{10, 100}[seed%2]
					random := rand.New(rand.NewPCG(seed, uint64(deployers)))
					r.world.run(random, r.actors(random, deployers))
					if wrong := r.check(deployers); wrong != "" {
						t.Errorf("seed %d: %s\n%s", seed, wrong, r.story())
					}
					if live, _ := r.live(); live == r.before+deployers-1 {
						newest++
					}
				})
			}
			t.Logf("the newest commit was live at the end of %d of %d rounds", newest, len(seeds))
		})
	}
}

package simulation

import (
	"flag"
	"strings"
	"testing"
	"time"
)

var (
	seed     = flag.Uint64("seed", 0, "the only seed to play; it prints the history")
	first    = flag.Uint64("first", 1, "the first seed to play")
	slice    = flag.Uint64("slice", 300, "how many seeds to play at least")
	duration = flag.Duration("duration", 0, "how long to play seeds; 0 plays a fixed number")
)

// schedule is what a seed decides.
type schedule interface {
	Play()
	// Wrong says which promise was broken, or is "".
	Wrong() string
	world() *World
}

// schedules are the kinds of them. Of a slice each has a share.
var schedules = []struct {
	name  string
	share float64
	of    func(seed uint64) schedule
}{
	{"sites", 1, func(seed uint64) schedule { return NewSchedule(seed, blog) }},
	{"parts", 0.1, func(seed uint64) schedule { return NewSchedule(seed, vast) }},
	{"projects", 0.3, func(seed uint64) schedule { return NewProjects(seed, mall, mall2) }},
	{"overlay", 0.2, func(seed uint64) schedule { return NewProjects(seed, wiki) }},
	{"pathname", 0.2, func(seed uint64) schedule { return NewProjects(seed, plain, "project/plain2") }},
	{"kv-assets", 0.1, func(seed uint64) schedule { return NewProjects(seed, rusty) }},
}

// Promises 1 to 11: whatever the order of the requests of several processes is, and whatever
// goes wrong.
func TestSchedules(t *testing.T) {
	for _, kind := range schedules {
		t.Run(kind.name, func(t *testing.T) {
			if *seed > 0 {
				play(t, kind.of, *seed, true)
				return
			}
			begun, count, played := time.Now(), uint64(0), 0
			least, longest := uint64(kind.share*float64(*slice)), *duration/time.Duration(len(schedules))
			for ; count < least || time.Since(begun) < longest; count++ {
				if !*goOn && t.Failed() {
					return
				}
				if mine(int(count)) {
					play(t, kind.of, *first+count, false)
					played++
				}
			}
			took := time.Since(begun)
			t.Logf("%d schedules in %s, %.0f an hour", played, took.Round(time.Second), float64(played)/took.Hours())
		})
	}
}

func play(t *testing.T, of func(seed uint64) schedule, seed uint64, show bool) {
	inWorldOf(t, seed, func() *World {
		s := of(seed)
		s.Play()
		w := s.world()
		if wrong := s.Wrong(); wrong != "" {
			t.Errorf("seed %d: %s\nreplay it: go test ./internal/simulation -run '^%s$' -seed %d", seed, wrong,
				strings.ReplaceAll(t.Name(), "/", "$/^"), seed)
		}
		if show {
			t.Log("\n" + w.History())
			for _, p := range w.processes {
				t.Logf("%s: %v %q", p.Name, p.Err, p.Notes)
			}
		}
		return w
	})
}

// A seed has one history.
func TestSeedsRepeat(t *testing.T) {
	for _, kind := range schedules {
		of := func(seed uint64) (history string) {
			inWorldOf(t, seed, func() *World {
				s := kind.of(seed)
				s.Play()
				history = s.world().History()
				return s.world()
			})
			return history
		}
		for seed := range uint64(40 * kind.share) {
			if a, b := of(seed), of(seed); a != b {
				at := 0
				for at < min(len(a), len(b)) && a[at] == b[at] {
					at++
				}
				t.Fatalf("seed %d of %s has two histories, from here on:\n%s\nand\n%s", seed, kind.name, tail(a, at), tail(b, at))
			}
		}
	}
}

func tail(s string, at int) string { return s[max(0, at-400):min(len(s), at+600)] }

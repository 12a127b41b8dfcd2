package planview

import (
	"fmt"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/plan"
)

// The text says that removed files stay readable, until when, and how to end that. A person who
// removed a leaked file must know that it is still readable.
func TestRetiredText(t *testing.T) {
	future, past := time.Date(2999, 12, 1, 17, 12, 0, 0, time.FixedZone("", 3600)),
		time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	file := func(path string, deployments int, until time.Time) plan.RetiredFile {
		return plan.RetiredFile{Path: path, Deployments: deployments, Until: until}
	}
	const one = "1 file that this deployment does not have stays reachable for open tabs, "
	for want, list := range map[string][]plan.RetiredFile{
		"": nil,
		one + "until 4 more deployments are made and at least until 2999-12-01 16:12 UTC (to end that at once: do): " +
			"/a": {file("/a", 4, future)},
		one + "until the next deployment is made (to end that at once: do): /a": {file(
			"/a", 1, past)},
		one + "until the next deployment is made and at least until 2999-12-01 16:12 UTC (to end that at once: do): " +
			"/a": {file("/a", 1, future)},
		one + "at least until 2999-12-01 16:12 UTC (to end that at once: do): /a": {file("/a", 0, future)},
		"2 files that this deployment does not have stay reachable for open tabs, the last of them until 4 more " +
			"deployments are made and at least until 2999-12-01 16:12 UTC (to end that at once: do): /a, /b": {file("/a", 2,
			future), file("/b", 4, past)},
	} {
		if got := (Reader{Forget: "do"}).retiredText(&plan.Plan{Retired: list}); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestGuardedText(t *testing.T) {
	var many []plan.Change
	for i := range 7 {
		many = append(many, plan.Change{Path: fmt.Sprintf("/%d", i)})
	}
	for want, p := range map[string]plan.Plan{
		"": {},
		"1 file is not kept for open tabs, because the Worker's code decides or decided who may read it (retire in " +
			"kv-sync.toml names what everyone may read): /0": {Guarded: many[:1]},
		"7 files are not kept for open tabs, because the live deployment, which an older kv-sync made, does not say which " +
			"requests its code gets: /0, /1, /2, /3, /4 and 2 more": {Guarded: many, RoutingUnknown: true},
	} {
		if got := (Reader{}).guardedText(&p); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

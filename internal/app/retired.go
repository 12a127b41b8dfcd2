package app

import (
	"fmt"
	"strings"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// RetiredText says which files stay reachable although the deployment does not
// have them, and until when; "" where there are none. how says how to end that.
func RetiredText(p *kvsync.Plan, how string) string {
	if len(p.Retired) == 0 {
		return ""
	}
	paths := make([]string, 0, len(p.Retired))
	first := p.Retired[0]
	deployments, until, mixed := first.Deployments, first.Until, false
	for _, r := range p.Retired {
		paths = append(paths, r.Path)
		mixed = mixed || r.Deployments != deployments || !r.Until.Equal(until)
		deployments = max(deployments, r.Deployments)
		if r.Until.After(until) {
			until = r.Until
		}
	}
	last := ""
	if mixed {
		last = "the last of them "
	}
	files, stay := "1 file that this deployment does not have", "stays"
	if n := len(paths); n > 1 {
		files, stay = fmt.Sprintf("%d files that this deployment does not have", n), "stay"
	}
	return fmt.Sprintf("%s %s reachable for open tabs, %s%s (to end that at once: %s): %s", files, stay, last, retiredUntil(deployments, until), how, firstOf(paths))
}

// retiredUntil names the deploy that ends it: the one after so many more that is
// late enough.
func retiredUntil(deployments int, until time.Time) string {
	now := time.Now()
	later := "at least until " + until.UTC().Format("2006-01-02 15:04 UTC")
	text := "until the next deployment is made"
	switch {
	case deployments == 0 && until.After(now):
		return later
	case deployments > 1:
		text = fmt.Sprintf("until %d more deployments are made", deployments)
	}
	if until.After(now) {
		text += " and " + later
	}
	return text
}

// GuardedText says which files do not stay reachable, because code guards them or
// guarded them; "" where there are none.
func GuardedText(p *kvsync.Plan) string {
	if len(p.Guarded) == 0 {
		return ""
	}
	paths := make([]string, 0, len(p.Guarded))
	for _, c := range p.Guarded {
		paths = append(paths, c.Path)
	}
	files, them := "1 file is", "it"
	if n := len(paths); n > 1 {
		files, them = fmt.Sprintf("%d files are", n), "them"
	}
	reason := "the Worker's code decides or decided who may read " + them + " (retire in kv-sync.toml names what everyone may read)"
	if p.RoutingUnknown {
		reason = "the live deployment, which an older kv-sync made, does not say which requests its code gets"
	}
	return fmt.Sprintf("%s not kept for open tabs, because %s: %s", files, reason, firstOf(paths))
}

// firstOf names the first few of many paths.
func firstOf(paths []string) string {
	const named = 5
	if len(paths) <= named {
		return strings.Join(paths, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(paths[:named], ", "), len(paths)-named)
}

package planview

import (
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// retiredText says which removed files stay reachable, and until when. It returns "" if there
// are none.
func (r Reader) retiredText(p *plan.Plan) string {
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
	stay := "stays"
	if len(paths) > 1 {
		stay = "stay"
	}
	const text = "%s that this deployment does not have %s reachable for open tabs, %s%s (to end that at once: %s): %s"
	return fmt.Sprintf(text,
		humanize.Count(len(paths), "file"), stay, last, retiredUntil(deployments, until), r.Forget, r.list(paths))
}

// retiredUntil says when files stop being reachable: at the first deploy after the given
// number of deployments that is also later than until.
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

// guardedText says which removed files do not stay reachable, because code decides who may read
// them. It returns "" if there are none.
func (r Reader) guardedText(p *plan.Plan) string {
	if len(p.Guarded) == 0 {
		return ""
	}
	paths := make([]string, 0, len(p.Guarded))
	for _, c := range p.Guarded {
		paths = append(paths, c.Path)
	}
	are, them := "is", "it"
	if len(paths) > 1 {
		are, them = "are", "them"
	}
	reason := "the Worker's code decides or decided who may read " + them +
		" (retire in kv-sync.toml names what everyone may read)"
	if p.RoutingUnknown {
		reason = "the live deployment, which an older kv-sync made, does not say which requests its code gets"
	}
	return fmt.Sprintf("%s %s not kept for open tabs, because %s: %s",
		humanize.Count(len(paths), "file"), are, reason, r.list(paths))
}

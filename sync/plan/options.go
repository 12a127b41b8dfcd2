package plan

import (
	"strings"

	"github.com/kv-sync/kv-sync/sync/version"
)

// Options are the choices of a person for one run.
type Options struct {
	// TakeOver deploys over a version that kv-sync did not deploy.
	TakeOver bool
	// TakeOverFrom is TakeOver for one case: over a version of this repository, by
	// its name or id, or over the version with this id.
	TakeOverFrom string
	// AllowShrink permits a deployment without files, or with less than half of the
	// files before.
	AllowShrink bool
	// PublishIgnored permits a deployment to add files that git ignores, which an earlier
	// kv-sync left out.
	PublishIgnored bool
	// AnyOrder deploys a commit that is older than the live one, or whose order is
	// unknown.
	AnyOrder bool
	// Release deploys a commit that a rollback holds back.
	Release bool
	// Forget keeps only files of this deployment reachable, for a file that should
	// never have been published. It deploys even if nothing changed.
	Forget bool
	// KeepNone is Forget, but deploys only if something changed. It is for a site
	// without visitors, such as a site in development.
	KeepNone bool
	// Repair uploads every blob again, under new keys, and does not rely on
	// anything live. It deploys even if nothing changed.
	Repair bool
	// AllowForgotten is for a rollback: it may bring back what a later deployment
	// removed by Forget.
	AllowForgotten bool
	// HideEdits switches an overlay off although visitors will miss edits. The
	// edits are kept, and are visible again after the overlay is switched on again.
	HideEdits bool
}

// Unguarded returns the options with every guard switched off, to show what a deploy would
// do.
func (o Options) Unguarded() Options {
	o.TakeOver, o.AllowShrink, o.PublishIgnored, o.AnyOrder, o.Release, o.HideEdits = true, true, true, true, true, true
	return o
}

// TakesOver reports whether the run may replace a live version of another repository.
func (o Options) TakesOver(l *version.Live) bool {
	if o.TakeOver || o.TakeOverFrom == "" {
		return o.TakeOver
	}
	from := strings.ToLower(o.TakeOverFrom)
	if l.Version.ID != "" && strings.EqualFold(from, l.Version.ID) {
		return true
	}
	if l.Meta == nil {
		return false
	}
	r := l.Meta.Repository
	return r.ID != "" && from == r.ID || r.Name != "" && (from == r.Name || strings.Contains(from, "/") &&
		strings.HasSuffix(r.Name, "/"+from))
}

// Always reports whether to deploy even if nothing changed.
func (o Options) Always() bool { return o.Forget || o.Repair }

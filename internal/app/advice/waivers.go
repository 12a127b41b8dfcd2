package advice

import (
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// lifts sets the option of each waiver.
var lifts = map[*options.Option]func(*plan.Options){
	options.AllowShrink:    func(o *plan.Options) { o.AllowShrink = true },
	options.PublishIgnored: func(o *plan.Options) { o.PublishIgnored = true },
	options.AnyOrder:       func(o *plan.Options) { o.AnyOrder = true },
	options.TakeOver:       func(o *plan.Options) { o.TakeOver = true },
	options.Release:        func(o *plan.Options) { o.Release = true },
	options.Forget:         func(o *plan.Options) { o.Forget = true },
	options.Repair:         func(o *plan.Options) { o.Repair = true },
}

// Lift sets the option that a waiver is for.
func Lift(waiver *options.Option, opt *plan.Options) { lifts[waiver](opt) }

// For says what the value of a waiver names, where it is not "true".
func For(waiver *options.Option) string {
	if waiver.Waiver == options.ForWorker {
		return "the repository (host/owner/name) or the Worker version that may be replaced"
	}
	return "the commit that it is for"
}

// WaiverNamed is the waiver with this name as an input, or nil.
func WaiverNamed(name string) *options.Option {
	for _, w := range options.Waivers() {
		if w.Input == name {
			return w
		}
	}
	return nil
}

package layout

import (
	"context"
	"errors"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Run is one invocation: what it deploys, and what it keeps if it has to plan again,
// which is its nonce and the confirmed blobs.
type Run struct {
	Client *site.Client
	Order  Order

	Source  manifest.Source
	Worker  cloud.Worker
	Options plan.Options

	Started   time.Time
	Namespace string // of the confirmed blobs, "" if not known yet
	keys      manifest.Keys
	Nonce     manifest.Nonce
	Confirmed map[manifest.Content]manifest.Ref
	// IgnoreReceipt is set if the blobs that were uploaded ahead are too old to be used.
	IgnoreReceipt bool
}

// StartRun begins a run at the present time.
func StartRun(c *site.Client, src manifest.Source, w cloud.Worker, opt plan.Options) *Run {
	now := c.Time()
	return &Run{Client: c, Source: src, Worker: w, Options: opt, Started: now, Nonce: manifest.NewNonce(now),
		Confirmed: make(map[manifest.Content]manifest.Ref)}
}

// MoveTo sets where the run writes. It drops the blobs that were confirmed elsewhere: in
// another namespace, or under the keys of a project that was deleted meanwhile.
func (r *Run) MoveTo(namespace string, keys manifest.Keys) {
	if r.Namespace != namespace || r.keys != keys {
		r.Confirmed = make(map[manifest.Content]manifest.Ref)
	}
	r.Namespace, r.keys = namespace, keys
}

// ErrStale means that a run took so long that prune may have deleted what it uploaded. The run
// has to begin again.
var ErrStale = errors.New("the uploads took longer than half of the grace period")

// Order refuses a deploy of an older state than the live one. It is a stage of the
// engine, which a layout calls as soon as it knows enough.
type Order interface {
	// Check refuses an older commit and one that a rollback left, and returns notices.
	Check(ctx context.Context, l *version.Live, d *Draft, r *Run) ([]manifest.Problem, error)
	// CheckContent refuses the content that a rollback left. A layout calls it once the
	// content is known.
	CheckContent(ctx context.Context, l *version.Live, d *Draft, opt plan.Options) error
}

package site

import (
	"time"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Time returns the time at the API. All ages are measured with it, because it is the same
// for every machine that deploys or prunes a site. Before the first answer it is this
// machine's time.
func (c *Client) Time() time.Time {
	if t, ok := c.Account.Time(); ok {
		return t
	}
	return c.Now()
}

// maxSkew is the most that this machine's clock may differ from the API's.
const maxSkew = time.Hour

// skew returns the most that the clock may differ with this grace period.
func skew(grace time.Duration) time.Duration { return min(maxSkew, grace/2) }

// Policy returns the policy of the configuration.
func (c *Client) Policy() version.Policy { return version.NewPolicy(c.Retain, c.Grace) }

// GraceOver returns how long every prune keeps what a run over l writes. It considers the
// grace period that the live deployment recorded, because a prune on another machine uses
// that one.
func (c *Client) GraceOver(l *version.Live) time.Duration {
	if l.Meta != nil && l.Meta.Known() {
		return min(c.Grace, l.Meta.GracePeriod())
	}
	return c.Grace
}

// FreshFor returns the maximum age of a plan over l at its switch. It is half
// of the grace period, within which prune keeps everything. The other half is reserved for
// the switch.
func (c *Client) FreshFor(l *version.Live) time.Duration { return c.GraceOver(l) / 2 }

// Fresh reports whether a run over l may still switch to what it wrote since started.
func (c *Client) Fresh(l *version.Live, started time.Time) bool {
	return c.Time().Sub(started) < c.FreshFor(l)
}

// PruneDue reports whether a prune is due. A last prune in the future does not count:
// an older kv-sync recorded it on a machine with a fast clock.
func (c *Client) PruneDue(last time.Time) bool {
	since := c.Time().Sub(last)
	return since > c.Grace || since < -skew(c.Grace)
}

// CheckClock refuses to continue if this machine's clock is wrong. grace is the grace
// period in force. A deploy and a prune call it before they write, switch or delete
// anything. A rollback does not: it deletes nothing, and must work in an emergency.
func (c *Client) CheckClock(grace time.Duration) error {
	api, ok := c.Account.Time()
	if !ok {
		return guard.Stop(guard.Clock, finding.CaseClockUnknown, finding.Facts{Site: c.Site})
	}
	ahead := c.Now().Sub(api)
	facts := finding.Facts{Site: c.Site, Span: ahead.Abs().Round(time.Minute)}
	switch {
	case ahead > skew(grace):
		return guard.Stop(guard.Clock, finding.CaseClockAhead, facts)
	case -ahead > skew(grace):
		return guard.Stop(guard.Clock, finding.CaseClockBehind, facts)
	}
	return nil
}

package site

import (
	"time"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
)

// Time is the time at the API, by which all ages are measured: every machine that
// deploys or prunes a site has it, whatever its own clock says. Before the first
// answer it is this machine's time.
func (c *Client) Time() time.Time {
	if t, ok := c.Account.Time(); ok {
		return t
	}
	return c.Now()
}

// maxSkew is the most that this machine's clock may differ from the API's.
const maxSkew = time.Hour

// Skew is the most that the clock may differ with this grace period.
func (c *Client) Skew() time.Duration { return min(maxSkew, c.Grace/2) }

// FreshFor is how long a run may switch to what it wrote. Prune keeps what is younger
// than the grace period; half of it is reserved for the switch.
func (c *Client) FreshFor() time.Duration { return max(c.Grace/2, time.Second) }

// Fresh reports whether a run may still switch to what it wrote since started.
func (c *Client) Fresh(started time.Time) bool { return c.Time().Sub(started) < c.FreshFor() }

// PruneDue reports whether a prune is due. A last prune in the future does not count:
// an older kv-sync recorded it on a machine with a fast clock.
func (c *Client) PruneDue(last time.Time) bool {
	since := c.Time().Sub(last)
	return since > c.Grace || since < -c.Skew()
}

// CheckClock refuses to continue if this machine's clock is wrong. A deploy and a prune
// call it before they write, switch or delete anything. A rollback does not, because it
// is the emergency exit and deletes nothing.
func (c *Client) CheckClock() error {
	api, ok := c.Account.Time()
	if !ok {
		return guard.Stop(guard.Clock, finding.CaseClockUnknown, finding.Facts{Site: c.Site})
	}
	ahead := c.Now().Sub(api)
	facts := finding.Facts{Site: c.Site, Span: ahead.Abs().Round(time.Minute)}
	switch {
	case ahead > c.Skew():
		return guard.Stop(guard.Clock, finding.CaseClockAhead, facts)
	case -ahead > c.Skew():
		return guard.Stop(guard.Clock, finding.CaseClockBehind, facts)
	}
	return nil
}

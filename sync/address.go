package kvsync

import (
	"context"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// A first deployment is two calls: the script, then its address. If the run ends
// between them, the site has no workers.dev address. A note in the cache makes the next
// run on this machine switch the address on. Without the note the engine leaves the address
// off, because the owner of the site may have switched it off.

// Address returns the address of the live site under workers.dev, "" if it has none. It asks
// whether the address is enabled, because others may have disabled it. It only reads.
func (e *Engine) Address(ctx context.Context) (string, error) {
	l, err := e.client.ReadLive(ctx)
	switch {
	case err != nil:
		return "", err
	case !l.Exists():
		return "", notDeployed(e.client.Site)
	}
	return e.client.LiveAddress(ctx)
}

// addressNote is the name of the note.
func (e *Engine) addressNote() string { return e.noteName("first deployment of") }

// noteName is the name of a note about the site in this account. It has the form of
// every name in the cache.
func (e *Engine) noteName(about string) string {
	name := about + " " + e.client.Site + " in account " + e.client.AccountID
	return manifest.Ref{Hash: manifest.HashOf([]byte(name))}.String()
}

// noteFirstDeployment writes the note, before the first deployment of a site goes live.
func (e *Engine) noteFirstDeployment(deployment string) {
	if e.client.Cache != nil && !e.client.OffWorkersDev {
		e.client.Cache.Put(e.addressNote(), []byte(deployment))
	}
}

// firstInterrupted reports whether the live deployment is a first one whose address was
// not confirmed. It sends nothing.
func (e *Engine) firstInterrupted(l *version.Live) bool {
	if e.client.Cache == nil || e.client.OffWorkersDev || l.Meta == nil {
		return false
	}
	id, ok := e.client.Cache.Get(e.addressNote())
	return ok && string(id) == l.Meta.Deployment
}

// enableAddress switches the address on, even if ctx is cancelled, because the site is already
// live.
func (e *Engine) enableAddress(ctx context.Context) error {
	ctx, cancel := wait.Detached(ctx, wait.Finish)
	defer cancel()
	err := e.client.Target.EnableURL(ctx)
	if err == nil && e.client.Cache != nil {
		e.client.Cache.Put(e.addressNote(), nil)
	}
	return err
}

// finishAddress switches on the address of a first or interrupted deployment. It adds the address
// to the result, and a notice if the address was off.
func (e *Engine) finishAddress(ctx context.Context, l *version.Live, recorded string, begun <-chan error, res *Result) {
	var err error
	switch {
	case e.client.OffWorkersDev:
		return
	case begun != nil: // the address is being switched on already, in parallel
		err = <-begun
	case l.Exists() && !e.firstInterrupted(l):
		res.URL, res.Unchecked = recorded, recorded != ""
		return
	default:
		if err = e.enableAddress(ctx); err == nil && l.Exists() {
			res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CaseAddressOn, finding.Facts{}))
		}
	}
	if err != nil {
		res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CaseAddressOff, finding.Facts{Cause: err}))
		return
	}
	res.URL = recorded
}

package kvsync

import (
	"context"
	"errors"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// A first deployment is two calls: the script, then its address. If the run ends
// between them, the site has no workers.dev address. A note makes the next run switch the address
// on: one in the cache of this machine, and one in KV for other machines, such as that of the next
// job. Without a note the engine leaves the address off, because the owner of the site may have
// switched it off.

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

// firstInterrupted reports whether the live deployment is a first one whose address was not
// confirmed. A run that deploys the same again reads the note in KV if the cache knows nothing. If
// the read fails, a later run looks again.
func (e *Engine) firstInterrupted(ctx context.Context, l *version.Live, same bool) bool {
	if e.client.Cache == nil || e.client.OffWorkersDev || l.Meta == nil {
		return false
	}
	id, ok := e.client.Cache.Get(e.addressNote())
	if ok || !same || !l.Message().First {
		return ok && string(id) == l.Meta.Deployment
	}
	id, err := e.client.Account.Store(l.Meta.Namespace).Get(ctx, e.layoutOf(l.Meta).AddressNote())
	if errors.Is(err, cloud.ErrNotFound) {
		e.client.Cache.Put(e.addressNote(), nil)
	}
	return err == nil && string(id) == l.Meta.Deployment
}

// enableAddress switches the address on, even if ctx is cancelled, because the site is already
// live. It removes the notes. If one stays in KV, the address is switched on again at worst.
func (e *Engine) enableAddress(ctx context.Context, live *version.Meta) error {
	ctx, cancel := wait.Detached(ctx, wait.Finish)
	defer cancel()
	if err := e.client.Target.EnableURL(ctx); err != nil {
		return err
	}
	if e.client.Cache != nil {
		e.client.Cache.Put(e.addressNote(), nil)
	}
	note := []string{e.layoutOf(live).AddressNote()}
	_, _ = e.client.Account.Store(live.Namespace).DeleteBulk(ctx, note) // see above
	return nil
}

// finishAddress switches on the address of a first or interrupted deployment. It adds the address
// to the result, and a notice if the address was off.
func (e *Engine) finishAddress(ctx context.Context, l *version.Live, live *version.Meta, begun <-chan error,
	res *Result) {
	var err error
	switch {
	case e.client.OffWorkersDev:
		return
	case begun != nil: // the address is being switched on already, in parallel
		err = <-begun
	case l.Exists() && !e.firstInterrupted(ctx, l, live == l.Meta):
		res.URL, res.Unchecked = live.URL, live.URL != ""
		return
	default:
		if err = e.enableAddress(ctx, live); err == nil && l.Exists() {
			res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CaseAddressOn, finding.Facts{}))
		}
	}
	if err != nil {
		res.Notices = append(res.Notices, manifest.ProblemOf("", finding.CaseAddressOff, finding.Facts{Cause: err}))
		return
	}
	res.URL = live.URL
}

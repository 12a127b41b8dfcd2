package kvsync

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// address is where the site is, or will be, reachable under workers.dev, or "".
func (e *Engine) address(ctx context.Context, l *live) (string, error) {
	switch {
	case l.meta != nil:
		return l.meta.URL, nil
	case e.OffWorkersDev:
		return "", nil
	}
	url, err := e.target.URL(ctx)
	if err != nil {
		return "", fmt.Errorf("ask for the address of %s: %w", e.Site, err)
	}
	return url, nil
}

// A first deployment is two calls, the script and then its address. Whatever
// ends the run between them, a kill or a power cut, leaves a site that nobody
// can reach under workers.dev. A note in the cache has the next run on this
// machine make up for it. Without the note nobody could tell such a site from
// one whose owner has switched the address off, which is never undone.

// addressNote is the note's name. It has the form of every name in the cache.
func (e *Engine) addressNote() string {
	return manifest.Ref{Hash: manifest.HashOf([]byte("first deployment of " + e.Site))}.String()
}

// noteFirstDeployment notes that the deployment is about to become a site's first one.
func (e *Engine) noteFirstDeployment(deployment string) {
	if e.Cache != nil && !e.OffWorkersDev {
		e.Cache.Put(e.addressNote(), []byte(deployment))
	}
}

// firstInterrupted reports whether the live deployment is a first one whose address was
// never confirmed to be on. It sends nothing.
func (e *Engine) firstInterrupted(l *live) bool {
	if e.Cache == nil || e.OffWorkersDev || l.meta == nil {
		return false
	}
	id, ok := e.Cache.Get(e.addressNote())
	return ok && string(id) == l.meta.Deployment
}

// enableAddress switches the address on, also when the run is being ended: the site is
// live by then.
func (e *Engine) enableAddress(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	err := e.target.EnableURL(ctx)
	if err == nil && e.Cache != nil {
		e.Cache.Put(e.addressNote(), nil)
	}
	return err
}

// finishAddress switches the address of a first deployment on, or of one that was
// cut short, and says what there is to say of it.
func (e *Engine) finishAddress(ctx context.Context, l *live, begun <-chan error) (notices []manifest.Problem) {
	var err error
	switch {
	case begun != nil: // beside the look after the switch
		err = <-begun
	case l.exists() && !e.firstInterrupted(l), e.OffWorkersDev:
		return nil
	default:
		if err = e.enableAddress(ctx); err == nil && l.exists() {
			return []manifest.Problem{notice(CaseAddressOn, finding.Facts{})}
		}
	}
	if err != nil {
		return []manifest.Problem{notice(CaseAddressOff, finding.Facts{Cause: err})}
	}
	return nil
}

package kvsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Live is what a site has live. It is zero if there is no script, or before the first
// request; of another tool's version only the id is known.
type Live struct {
	Deployment, Version, Commit, URL string
}

// Live is what was live at the last request of a call, before the call switched. It
// sends no request.
func (e *Engine) Live() Live { return e.last }

// setLast records what a call found live.
func (e *Engine) setLast(version string, m *version.Meta, commit string) {
	e.last = Live{Version: version}
	if m != nil {
		e.last.Deployment, e.last.Commit, e.last.URL = m.Deployment, commit, m.URL
	}
}

// liveResult is the result of a prefetch.
type liveResult struct {
	*version.Live
	err error
}

// readLive reads the active version: two requests, one if there is no script, and one
// more for each other version of a split. It uses the result of Prefetch if there is
// one.
func (e *Engine) readLive(ctx context.Context) (l *version.Live, err error) {
	if e.prefetched == nil {
		l, err = e.fetchLive(ctx)
	} else {
		select {
		case a := <-e.prefetched:
			l, err = a.Live, a.err
		case <-ctx.Done():
			err = ctx.Err()
		}
		e.prefetched = nil
	}
	if err == nil {
		e.setLast(l.Version.ID, l.Meta, l.Commit())
	}
	return l, err
}

func (e *Engine) fetchLive(ctx context.Context) (*version.Live, error) {
	l := &version.Live{}
	var err error
	l.Activations, err = e.target.Activations(ctx)
	l.At = e.now() // by the answer
	if errors.Is(err, cloud.ErrNotFound) {
		return l, nil
	} else if err != nil {
		return nil, fmt.Errorf("find which version of %s is active: %w", e.Site, err)
	}
	if len(l.Activations) == 0 { // the script was uploaded and never deployed
		l.Foreign = true
		return l, nil
	}
	for _, s := range l.Active().Versions {
		v, err := e.target.Version(ctx, s.Version)
		if err != nil {
			return nil, fmt.Errorf("read the active version of %s: %w", e.Site, err)
		}
		m, err := version.ReadMeta(v, e.Site)
		if err != nil {
			return nil, err
		}
		l.Foreign = l.Foreign || m == nil
		if s.Version == l.Active().Main() {
			l.Version, l.Meta = v, m
		}
	}
	return l, nil
}

// now is the time at the API, by which all ages are measured: every machine that
// deploys or prunes a site has it, whatever its own clock says. Before the first
// answer it is this machine's time.
func (e *Engine) now() time.Time {
	if t, ok := e.Account.Time(); ok {
		return t
	}
	return e.Now()
}

// maxSkew is the most that this machine's clock may differ from the API's.
const maxSkew = time.Hour

// skew is the most that the clock may differ with this grace period.
func (e *Engine) skew() time.Duration { return min(maxSkew, e.Grace/2) }

// checkClock refuses to continue if this machine's clock is wrong. A deploy and a prune
// call it before they write, switch or delete anything. A rollback does not, because it
// is the emergency exit and deletes nothing.
func (e *Engine) checkClock() error {
	api, ok := e.Account.Time()
	if !ok {
		return guard.Stop(guard.Clock, finding.CaseClockUnknown, finding.Facts{Site: e.Site})
	}
	ahead := e.Now().Sub(api)
	facts := finding.Facts{Site: e.Site, Span: ahead.Abs().Round(time.Minute)}
	switch {
	case ahead > e.skew():
		return guard.Stop(guard.Clock, finding.CaseClockAhead, facts)
	case -ahead > e.skew():
		return guard.Stop(guard.Clock, finding.CaseClockBehind, facts)
	}
	return nil
}

// findNamespace finds the namespace of the site: the configured one, else that of the
// live version, else the one with the title. The request runs while the caller
// continues, until it calls answer. "" means that the namespace does not exist yet.
func (e *Engine) findNamespace(ctx context.Context, l *version.Live) (answer func() (string, error)) {
	known := e.Namespace
	if known == "" && l.Meta != nil {
		known = l.Meta.Namespace
	}
	if known != "" {
		return func() (string, error) { return known, nil }
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		known, err = e.Account.FindNamespace(ctx, e.NamespaceTitle)
		if errors.Is(err, cloud.ErrNotFound) {
			return nil
		}
		return err
	})
	return func() (string, error) {
		if err := g.Wait(); err != nil {
			return "", fmt.Errorf("find the namespace %q: %w", e.NamespaceTitle, err)
		}
		return known, nil
	}
}

// manifest reads the stored manifest of a version, from the cache or with one request.
// A manifest whose hash differs from its name is an error.
func (e *Engine) manifest(ctx context.Context, m *version.Meta) (*manifest.Manifest, error) {
	ref, err := manifest.ParseRef(m.Manifest)
	if err != nil {
		return nil, fmt.Errorf("deployment %s: %w", m.Deployment, err)
	}
	key := manifest.Keys(e.Site).Manifest(ref)
	if e.Cache != nil {
		if b, ok := e.Cache.Get(ref.String()); ok && manifest.HashOf(b) == ref.Hash {
			return manifest.DecodeStored(b)
		}
	}
	b, err := e.Account.Store(m.Namespace).Get(ctx, key)
	if err == nil && manifest.HashOf(b) != ref.Hash {
		err = manifest.ErrDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("read the manifest of deployment %s: %w", m.Deployment, err)
	}
	decoded, err := manifest.DecodeStored(b)
	if err != nil {
		return nil, fmt.Errorf("deployment %s: %w", m.Deployment, err)
	}
	if decoded.Site != e.Site {
		return nil, fmt.Errorf("the manifest of deployment %s belongs to the site %.80q", m.Deployment, decoded.Site)
	}
	if e.Cache != nil {
		e.Cache.Put(ref.String(), b)
	}
	return decoded, nil
}

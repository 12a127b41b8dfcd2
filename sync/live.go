package kvsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// live is what visitors see now, as two requests tell it.
type live struct {
	// activations lists Cloudflare's deployments, newest first; nil where there
	// is no script yet.
	activations []Activation
	// version is the active one; while traffic is split, the one with the
	// larger share.
	version Version
	// meta is what the version says of itself, nil where it is foreign.
	meta *Meta
	// at is when it was asked.
	at time.Time
}

// look asks which version is active and what it is: two requests, or one where
// there is no script.
func (e *Engine) look(ctx context.Context) (*live, error) {
	at := e.Now()
	activations, err := e.workers.Activations(ctx)
	if errors.Is(err, ErrNotFound) || (err == nil && len(activations) == 0) {
		return &live{at: at}, nil
	} else if err != nil {
		return nil, fmt.Errorf("ask which version of %s is active: %w", e.Site, err)
	}
	l := &live{activations: activations, at: at}
	if l.version, err = e.workers.Version(ctx, l.active().main()); err != nil {
		return nil, fmt.Errorf("read the active version of %s: %w", e.Site, err)
	}
	l.meta, err = metaOf(l.version, e.Site)
	return l, err
}

// exists reports whether there is a script.
func (l *live) exists() bool { return len(l.activations) > 0 }

// active is the activation in force.
func (l *live) active() Activation { return l.activations[0] }

// hold is the commit that a rollback left and that is not to come back by
// itself, or "". It travels in the activation's message: strongly consistent,
// and gone with the next switch.
func (l *live) hold() string {
	if !l.exists() {
		return ""
	}
	return holdIn(l.active().Message)
}

// main is the version with the larger share of the traffic.
func (a Activation) main() string {
	if len(a.Versions) == 0 {
		return ""
	}
	best := a.Versions[0]
	for _, s := range a.Versions[1:] {
		if s.Percent > best.Percent {
			best = s
		}
	}
	return best.Version
}

const holdMark = "kv-sync-hold:"

func holdIn(message string) string {
	_, rest, ok := strings.Cut(message, holdMark)
	if !ok {
		return ""
	}
	hold, _, _ := strings.Cut(rest, " ")
	if !isCommit(hold) {
		return ""
	}
	return hold
}

func isCommit(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// store is the namespace that the site lives in: the configured one, else the
// live version's, else the one with the title. With create it is made if need
// be; without, an id of "" says that it is not there yet.
func (e *Engine) namespace(ctx context.Context, l *live, create bool) (id string, err error) {
	switch {
	case e.Namespace != "":
		return e.Namespace, nil
	case l.meta != nil:
		return l.meta.Namespace, nil
	case create:
		id, err = e.Account.Namespace(ctx, e.NamespaceTitle)
	default:
		id, err = e.Account.FindNamespace(ctx, e.NamespaceTitle)
		if errors.Is(err, ErrNotFound) {
			return "", nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("find the namespace %q: %w", e.NamespaceTitle, err)
	}
	return id, nil
}

// manifest reads the stored manifest that a version names, from the cache if
// it is there: one request or none. What does not hash to its name is an error.
func (e *Engine) manifest(ctx context.Context, m *Meta) (*Manifest, error) {
	ref, err := ParseRef(m.Manifest)
	if err != nil {
		return nil, fmt.Errorf("deployment %s: %w", m.Deployment, err)
	}
	key := keys(e.Site).manifest(ref)
	if e.Cache != nil {
		if b, ok := e.Cache.Get(ref.String()); ok && sameManifestBytes(b, ref) {
			return DecodeStored(b)
		}
	}
	b, err := e.Account.Store(m.Namespace).Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of deployment %s: %w", m.Deployment, err)
	}
	if !sameManifestBytes(b, ref) {
		return nil, fmt.Errorf("read the manifest of deployment %s: its bytes are not those that were written", m.Deployment)
	}
	decoded, err := DecodeStored(b)
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

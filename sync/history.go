package kvsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// History returns the deployments that Cloudflare still lists, and the older ones that are
// retained, newest first.
func (e *Engine) History(ctx context.Context) ([]version.Deployment, error) {
	if err := e.layout.Lacks(layout.CommandHistory); err != nil {
		return nil, err
	}
	p, err := e.past(ctx)
	if err != nil {
		return nil, err
	}
	return p.Deployments, e.describe(ctx, p)
}

// past returns the deployments that Cloudflare lists, and the retained ones.
func (e *Engine) past(ctx context.Context) (*version.Past, error) {
	return e.lookUp(ctx, site.Lookup{Records: e.records})
}

// lookUp returns deployments. If there are none, the error is that of a site that is not deployed.
func (e *Engine) lookUp(ctx context.Context, l site.Lookup) (*version.Past, error) {
	l.Otherwise = e.client.Policy()
	past, err := e.client.Past(ctx, l)
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, notDeployed(e.client.Site)
	}
	return past, err
}

func notDeployed(site string) *guard.Error {
	return guard.Stop(guard.Target, finding.CaseNotDeployed, finding.Facts{Site: site})
}

// allPast returns all deployments. If KV does not answer, it returns those that the API lists, and
// Unread says why there may be others.
func (e *Engine) allPast(ctx context.Context) (*version.Past, error) {
	past, err := e.past(ctx)
	if err == nil {
		return past, nil
	}
	listed, failed := e.lookUp(ctx, site.Lookup{})
	if failed != nil {
		return nil, err
	}
	listed.Unread = err
	return listed, nil
}

// records returns the prefix of the keys of the records in the layout of what is live.
func (e *Engine) records(live *version.Meta) string { return e.layoutOf(live).RecordKey("") }

// describe adds the records of the deployments.
func (e *Engine) describe(ctx context.Context, p *version.Past) error {
	type place struct{ namespace, key string }
	keys := make(map[string][]string) // by namespace
	of := make(map[place][]*version.Deployment)
	live := p.Live()
	for i := range p.Deployments {
		d := &p.Deployments[i]
		in := d.Meta
		if in == nil && live != nil {
			in = live.Meta // a project has one namespace
		}
		if _, ours := manifest.DeploymentTime(d.ID); !ours || in == nil {
			continue
		}
		at := place{in.Namespace, e.layoutOf(in).RecordKey(d.ID)}
		if of[at] == nil {
			keys[at.namespace] = append(keys[at.namespace], at.key)
		}
		of[at] = append(of[at], d)
	}
	for namespace, all := range keys {
		read, err := cloud.ReadMany(ctx, e.client.Account.Store(namespace), all, version.DecodeRecord)
		if err != nil {
			return fmt.Errorf("read the records of deployments: %w", err)
		}
		for key, r := range read {
			if r.Err != nil { // without one, the version says enough
				continue
			}
			noted := version.Meta{Source: r.Value.Source, Commit: r.Value.Commit}
			for _, d := range of[place{namespace, key}] {
				d.Record, d.Commit, d.Source = r.Value, cmp.Or(d.Commit, r.Value.Commit), cmp.Or(d.Source, noted.Kind())
			}
		}
	}
	return nil
}

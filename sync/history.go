package kvsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// History lists the deployments that Cloudflare still lists, newest first.
func (e *Engine) History(ctx context.Context) ([]version.Deployment, error) {
	if err := e.layout.Lacks(layout.CommandHistory); err != nil {
		return nil, err
	}
	p, err := e.Past(ctx, site.Lookup{Otherwise: e.Policy()})
	if errors.Is(err, cloud.ErrNotFound) {
		return nil, notDeployed(e.Site)
	} else if err != nil {
		return nil, err
	}
	past := p.Deployments
	live := p.Live()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Parallel)
	for i := range past {
		d := &past[i]
		in := d.Meta
		if in == nil && live != nil {
			in = live.Meta // a project has one namespace
		}
		if _, ours := manifest.DeploymentTime(d.ID); !ours || in == nil {
			continue
		}
		g.Go(func() error {
			r, err := cloud.ReadAs(ctx, e.Account.Store(in.Namespace), e.layoutOf(in).RecordKey(d.ID), version.DecodeRecord)
			switch {
			case err == nil:
				noted := version.Meta{Source: r.Source, Commit: r.Commit}
				d.Record, d.Commit, d.Source = r, cmp.Or(d.Commit, r.Commit), cmp.Or(d.Source, noted.Kind())
			case !errors.Is(err, cloud.ErrNotFound) && !cloud.Undecodable(err): // without one, the version says enough
				return fmt.Errorf("read the record of deployment %s: %w", d.ID, err)
			}
			return nil
		})
	}
	return past, g.Wait()
}

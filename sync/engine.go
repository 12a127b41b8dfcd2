package kvsync

import (
	"cmp"
	"context"

	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// Engine deploys one site. Only one call may run at a time.
type Engine struct {
	client *site.Client
	layout layout.Deployer
}

// New checks the configuration and fills in its defaults. It sends nothing.
func New(c site.Config) (*Engine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	kind, err := LayoutNamed(c.Layout)
	if err != nil {
		return nil, err
	}
	c = c.WithDefaults()
	c.NamespaceTitle = cmp.Or(c.NamespaceTitle, kind.Title(c.Site))
	e := &Engine{client: &site.Client{Config: c}}
	e.client.Target = e.newTarget()
	if e.layout, err = kind.Of(e.client); err != nil {
		return nil, err
	}
	if kind.InPlace {
		e.client.Target = inPlace{e.client.Target, kind.Root}
	}
	return e, nil
}

// newTarget returns what a deploy switches: a script, or a project.
func (e *Engine) newTarget() site.Target {
	if e.client.Project == "" {
		return script{e.client.Account.Workers(e.client.Site), e.client.Site}
	}
	return projectTarget{e.newProject()}
}

func (e *Engine) newProject() *project.Workers {
	return project.New(project.Config{
		ID: e.client.Project, Account: e.client.Account, Actor: e.client.Actor, Now: e.client.Time,
		FindNamespace: func(ctx context.Context) (string, error) {
			if e.client.Namespace != "" {
				return e.client.Namespace, nil
			}
			return e.client.Account.FindNamespace(ctx, e.client.NamespaceTitle)
		},
		Upload: upload.Options{Parallel: e.client.Parallel, Memory: e.client.Memory, Budget: e.client.Budget},
	})
}

// Client returns the client of the site, for a command that only one layout has. It has the
// configuration with its defaults.
func (e *Engine) Client() *site.Client { return e.client }

// Live returns what the last call found live, before it switched. It sends no request.
func (e *Engine) Live() site.Live { return e.client.Live() }

// Prefetch starts to read what is live, for the next Deploy or Plan. The caller can build the
// Worker at the same time. stop cancels the read and waits until it has ended.
func (e *Engine) Prefetch(ctx context.Context) (stop func()) { return e.client.Prefetch(ctx) }

package kvsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/upload"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Engine deploys one site. Only one call may run at a time.
type Engine struct {
	client *site.Client
	layout layout.Deployer
}

// siteID matches the valid names of sites and projects.
var siteID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// New checks the configuration and fills in its defaults. It sends nothing.
func New(c site.Config) (*Engine, error) {
	const idRule = "use 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
	switch {
	case c.Project != "" && c.Site != "":
		return nil, fmt.Errorf("site %.80q and project %.80q are both set: give only one of them", c.Site, c.Project)
	case c.Project != "" && !siteID.MatchString(c.Project):
		return nil, fmt.Errorf("project id %.80q: %s", c.Project, idRule)
	case c.Project != "":
		c.Site, c.OffWorkersDev = manifest.ProjectPrefix+"/"+c.Project, true
		// The cache would belong to the version of the loader, not to that of the project.
		c.Serving.EdgeCache = 0
	case !siteID.MatchString(c.Site):
		return nil, fmt.Errorf("site name %.80q: %s", c.Site, idRule)
	case c.Serving.Overlay && len(c.Site) > overlay.MaxSite:
		return nil, fmt.Errorf("site name %q is too long: with an overlay it may have %d characters, because the "+
			"companion is called %s; use a shorter name",
			c.Site, overlay.MaxSite, overlay.CompanionName(c.Site))
	case c.Site == manifest.ProjectPrefix:
		return nil, fmt.Errorf("site name %q is reserved: the keys of projects begin with it; use another name", c.Site)
	}
	if c.Account == nil {
		return nil, errors.New("no account to deploy to")
	}
	if c.Retain < 0 || c.Grace < 0 || c.Parallel < 0 || c.Memory < 0 || c.PruneCap < 0 {
		return nil, errors.New("retain, grace, parallel, memory and the prune cap cannot be negative")
	}
	if c.Grace != 0 && c.Grace < version.MinGrace {
		return nil, fmt.Errorf("a grace period of %s is too short: it may take more than a minute until a write is "+
			"visible, so %s is the minimum", c.Grace, version.MinGrace)
	}
	kind, err := LayoutNamed(c.Layout)
	if err != nil {
		return nil, err
	}
	c.NamespaceTitle = cmp.Or(c.NamespaceTitle, kind.Title(c.Site))
	c.Retain = cmp.Or(c.Retain, site.DefaultRetain)
	c.Grace = cmp.Or(c.Grace, site.DefaultGrace)
	c.Parallel = cmp.Or(c.Parallel, 8)
	c.Memory = max(cmp.Or(c.Memory, 64<<20), 36<<20)
	c.PruneCap = min(cmp.Or(c.PruneCap, cloud.MaxBulkPairs), cloud.MaxBulkPairs)
	c.Limits = c.Limits.WithDefaults()
	if c.Budget == nil {
		c.Budget = upload.NewBudget()
	}
	if c.Progress == nil {
		c.Progress = func(site.Progress) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	e := &Engine{client: &site.Client{Config: c}}
	if c.Project == "" {
		e.client.Target = script{c.Account.Workers(c.Site), c.Site}
	} else {
		e.client.Target = projectTarget{e.newProject()}
	}
	if e.layout, err = kind.Of(e.client); err != nil {
		return nil, err
	}
	if kind.InPlace {
		e.client.Target = inPlace{e.client.Target, kind.Root}
	}
	return e, nil
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

// detached returns a context with the values of ctx that does not end when ctx is cancelled. It
// ends 30 seconds after the call. It is for work that a finished switch requires.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

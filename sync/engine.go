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
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/project"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// Config configures an [Engine]. Zero values take the defaults.
type Config struct {
	// Site is the site's id and the script's name. Every key begins with it. For a
	// project it must be empty, and New sets it to "project/" and the id.
	Site string
	// Project is the id of a project: the code and the assets of a Dynamic Worker,
	// which a loader reads from KV. Its switch is one write of one key: eventually
	// consistent, and the last write wins. So only one process at a time may deploy
	// a project.
	Project string
	// Account reaches the namespace and the script.
	Account cloud.Account
	// Namespace is a namespace id. If it is "", the namespace of the live version
	// is used, else the one titled NamespaceTitle (default "kv-sync"), which is
	// created if it does not exist.
	Namespace      string
	NamespaceTitle string
	// Serving configures how pathnames are matched.
	Serving manifest.Serving
	// Layout is the name of one of [Layouts] (default "content").
	Layout string
	// Rights are for a site whose Serving enables an overlay.
	Rights overlay.Rights
	// OffWorkersDev makes a first deployment without a workers.dev address. Later
	// ones never change that setting.
	OffWorkersDev bool
	// Retain is how many deployments, including the live one, can be rolled back to
	// and keep their blobs (default DefaultRetain).
	Retain int
	// Grace is how long keys are kept that no root reaches (default DefaultGrace).
	Grace time.Duration
	// Parallel is how many uploads run at once (default 8).
	Parallel int
	// Memory limits the bytes of running uploads (default 64 MiB, at least 36 MiB,
	// which is the largest value with its encoding).
	Memory int64
	// Budget is shared by the engines whose uploads Memory limits together
	// (default: not shared).
	Budget *upload.Budget
	// PruneCap is how many keys one prune deletes at most (default 10,000, one
	// bulk delete).
	PruneCap int
	// Actor is the person who deploys, for the record; may be "".
	Actor string
	// Cache keeps stored manifests between runs; may be nil.
	Cache Cache
	// Progress receives what happens, from several goroutines but never two at
	// once; may be nil.
	Progress func(Progress)
	// Formerly is another name under which an earlier kv-sync may have deployed
	// this site, or "". If it did, a first deploy is refused.
	Formerly string
	// Log receives decisions and their reasons at debug level; may be nil.
	Log *slog.Logger
	// Now is this machine's clock (default time.Now). It is only compared with the
	// time at the API, which counts for everything else.
	Now func() time.Time
}

// Cache keeps values between runs, and may drop any of them. Its values are not
// trusted: manifests are checked against their hashes, and a note can only cause a
// request. Put replaces. Safe for concurrent use.
type Cache interface {
	Get(name string) ([]byte, bool)
	Put(name string, value []byte)
}

// Stage is a step of a run.
type Stage string

// The stages, in their order.
const (
	StagePlan   Stage = "plan"
	StageUpload Stage = "upload"
	StageSwitch Stage = "switch"
)

// Progress is one report.
type Progress struct {
	Stage Stage
	// Files of TotalFiles and Bytes of TotalBytes are done. A zero total is
	// unknown.
	Files, TotalFiles int
	Bytes, TotalBytes int64
	// Plan is set once, after the plan is made.
	Plan *plan.Plan
	// Note is a line of text for people, or "".
	Note string
}

// Engine deploys one site. One call at a time.
type Engine struct {
	Config
	target     target
	layout     layout
	prefetched chan liveResult // the result of Prefetch
	last       Live
}

// Defaults of Config, which testdata/policy/defaults.json shares with the Worker library.
const (
	DefaultRetain = 5
	DefaultGrace  = 24 * time.Hour
)

// minGrace is the shortest grace period.
const minGrace = 10 * time.Minute

// siteID is the form of the name of a site or project.
var siteID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// New checks the configuration and fills in its defaults. It sends nothing.
func New(c Config) (*Engine, error) {
	const idRule = "use 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
	switch {
	case c.Project != "" && c.Site != "":
		return nil, fmt.Errorf("a site, %.80q, and a project, %.80q: give one of them", c.Site, c.Project)
	case c.Project != "" && !siteID.MatchString(c.Project):
		return nil, fmt.Errorf("project id %.80q: %s", c.Project, idRule)
	case c.Project != "":
		c.Site, c.OffWorkersDev = manifest.ProjectPrefix+"/"+c.Project, true
		// The cache belongs to the loader, whose version is not the project's.
		c.Serving.EdgeCache = 0
	case !siteID.MatchString(c.Site):
		return nil, fmt.Errorf("site name %.80q: %s", c.Site, idRule)
	case c.Serving.Overlay && len(c.Site) > overlay.MaxSite:
		return nil, fmt.Errorf("site name %q: with an overlay it may have %d characters, for its companion is called %s; "+
			"take a shorter name",
			c.Site, overlay.MaxSite, overlay.CompanionName(c.Site))
	case c.Site == manifest.ProjectPrefix:
		return nil, fmt.Errorf("site name %q: the keys of projects begin with it; take another name", c.Site)
	}
	if c.Account == nil {
		return nil, errors.New("no account to deploy to")
	}
	if c.Retain < 0 || c.Grace < 0 || c.Parallel < 0 || c.Memory < 0 || c.PruneCap < 0 {
		return nil, errors.New("retain, grace, parallel, memory and the prune cap cannot be negative")
	}
	if c.Grace != 0 && c.Grace < minGrace {
		return nil, fmt.Errorf("a grace period of %s is too short: what was written may take a minute and more to be "+
			"seen, so %s is the least", c.Grace, minGrace)
	}
	kind, err := LayoutNamed(c.Layout)
	if err != nil {
		return nil, err
	}
	c.NamespaceTitle = cmp.Or(c.NamespaceTitle, kind.title(c.Site))
	c.Retain = cmp.Or(c.Retain, DefaultRetain)
	c.Grace = cmp.Or(c.Grace, DefaultGrace)
	c.Parallel = cmp.Or(c.Parallel, 8)
	c.Memory = max(cmp.Or(c.Memory, 64<<20), 36<<20)
	c.PruneCap = min(cmp.Or(c.PruneCap, cloud.MaxBulkPairs), cloud.MaxBulkPairs)
	if c.Budget == nil {
		c.Budget = upload.NewBudget()
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	e := &Engine{Config: c}
	if c.Project == "" {
		e.target = script{c.Account.Workers(c.Site)}
	} else {
		e.target = projectTarget{e.newProject()}
	}
	if e.layout, err = kind.of(e); err != nil {
		return nil, err
	}
	if kind.InPlace {
		e.target = inPlace{e.target}
	}
	return e, nil
}

// upload writes the items and reports the progress of that stage. read: see
// [upload.Options].Read.
func (e *Engine) upload(ctx context.Context, s cloud.Store, items []*upload.Item, read func()) error {
	return upload.Run(ctx, s, items, upload.Options{
		Parallel: e.Parallel, Memory: e.Memory, Budget: e.Budget, Read: read,
		Progress: func(p upload.Progress) {
			e.Progress(Progress{
				Stage: StageUpload, Files: p.Files, TotalFiles: p.TotalFiles, Bytes: p.Bytes, TotalBytes: p.TotalBytes,
				Note: p.Note,
			})
		},
	})
}

func (e *Engine) newProject() *project.Workers {
	return project.New(project.Config{
		ID: e.Project, Account: e.Account, Actor: e.Actor, Now: e.now,
		FindNamespace: func(ctx context.Context) (string, error) {
			if e.Namespace != "" {
				return e.Namespace, nil
			}
			return e.Account.FindNamespace(ctx, e.NamespaceTitle)
		},
		Upload: upload.Options{Parallel: e.Parallel, Memory: e.Memory, Budget: e.Budget},
	})
}

// Prefetch begins to read what is live for the next Deploy or Plan, so that the caller
// can make the Worker meanwhile. stop cancels it and waits for its end.
func (e *Engine) Prefetch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ahead, ended := make(chan liveResult, 1), make(chan struct{})
	e.prefetched = ahead
	go func() {
		defer close(ended)
		l, err := e.fetchLive(ctx)
		ahead <- liveResult{l, err}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (e *Engine) note(s Stage, format string, args ...any) {
	e.Progress(Progress{Stage: s, Note: fmt.Sprintf(format, args...)})
}

// detached gives clean-up and confirmation a limited time after ctx was cancelled: the
// result of a switch must still be read and reported.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

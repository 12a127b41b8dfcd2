package site

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// Defaults of Config, which testdata/policy/defaults.json shares with the Worker library.
const (
	DefaultRetain = 5
	DefaultGrace  = 24 * time.Hour
)

// DefaultWholeEntries is the most files, with the retired ones, of a manifest that is stored whole.
// A deploy then sends at most about 250 KB of manifests.
const DefaultWholeEntries = 1500

// Config configures a deploy and every other command. Zero values take the defaults.
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
	// AccountID distinguishes the notes in Cache about sites with one name in several
	// accounts; may be "".
	AccountID string
	// Namespace is a namespace id. If it is "", the namespace of the live version
	// is used, else the one titled NamespaceTitle (default "kv-sync"), which is
	// created if it does not exist.
	Namespace      string
	NamespaceTitle string
	// Serving configures how pathnames are matched.
	Serving manifest.Serving
	// Layout is the name of a layout (default "content").
	Layout string
	// Rights are for a site whose Serving enables an overlay.
	Rights overlay.Rights
	// OffWorkersDev makes a first deployment without a workers.dev address. Later
	// ones never change that setting.
	OffWorkersDev bool
	// Retain is how many deployments, including the live one, keep their blobs and can
	// be rolled back to (default DefaultRetain).
	Retain int
	// Grace is how long keys are kept that no root names (default DefaultGrace).
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
	// WholeEntries is the most entries of a manifest that is not divided into parts (default
	// DefaultWholeEntries).
	WholeEntries int
	// Limits are Cloudflare's limits; an account may have others by agreement.
	Limits Limits
	// Actor is the person who deploys, for the record; may be "".
	Actor string
	// Run identifies the run of a CI system; may be "". It is the same if the run is
	// repeated, so that a repeated rollback does not go back twice.
	Run string
	// Cache keeps stored manifests between runs; may be nil.
	Cache Cache
	// Progress receives reports, from several goroutines but never two at once; may be
	// nil.
	Progress func(Progress)
	// Formerly is another name under which an earlier kv-sync may have deployed
	// this site, or "". If it did, a first deploy is refused.
	Formerly string
	// Log receives decisions and their reasons at debug level; may be nil.
	Log *slog.Logger
	// Now is this machine's clock (default time.Now). It is only used to check it
	// against the time at the API, which is used for everything else.
	Now func() time.Time
}

// WithDefaults returns a checked configuration with the default of each zero value, but without a
// title of the namespace: its default depends on the layout.
func (c Config) WithDefaults() Config {
	if c.Project != "" {
		c.Site, c.OffWorkersDev = manifest.ProjectPrefix+"/"+c.Project, true
		// The cache would belong to the version of the loader, not to that of the project.
		c.Serving.EdgeCache = 0
	}
	c.Retain = cmp.Or(c.Retain, DefaultRetain)
	c.Grace = cmp.Or(c.Grace, DefaultGrace)
	c.WholeEntries = cmp.Or(c.WholeEntries, DefaultWholeEntries)
	c.Parallel = cmp.Or(c.Parallel, 8)
	c.Memory = max(cmp.Or(c.Memory, 64<<20), 36<<20)
	c.PruneCap = min(cmp.Or(c.PruneCap, cloud.MaxBulkPairs), cloud.MaxBulkPairs)
	c.Limits = c.Limits.WithDefaults()
	c.Budget = cmp.Or(c.Budget, upload.NewBudget())
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Cache keeps values between runs, and may drop any of them. Its values are not trusted:
// manifests are checked against their hashes, and a wrong note only costs a request. Put
// replaces a value. Implementations are safe for concurrent use.
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

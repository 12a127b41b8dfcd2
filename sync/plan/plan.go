// Package plan has what people decide and see: the [Options] of a run, and its [Plan],
// the difference between what is live and what a deploy makes live.
package plan

import (
	"time"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Plan is the difference between what is live and what a deploy makes live. Making a
// plan writes nothing.
type Plan struct {
	Site   string          `json:"site"`
	Origin manifest.Origin `json:"origin"`
	// Layout is "" in the default layout, else its name. In the layout "pathname"
	// Live is "", and only the sizes of the present files are known.
	Layout string `json:"layout,omitempty"`
	// Live is the deployment that the deploy replaces: "" on a first deploy, or
	// over a foreign version.
	Live string `json:"live,omitempty"`
	// NoChange is set if source and Worker equal the live ones. Of the counts, only Unchanged is
	// then set: to the number that the live version records, or 0.
	NoChange bool `json:"no_change"`
	// Reactivate is set with NoChange if the commit is newer than the live one. The live version
	// is then activated again for it, so that a late deploy of an older commit is refused.
	Reactivate bool `json:"reactivate,omitempty"`
	// First is set if there is no script yet. Upload and switch are then one call.
	First bool `json:"first"`
	// Added, Changed and Removed are sorted by path.
	Added     []Change `json:"added"`
	Changed   []Change `json:"changed"`
	Removed   []Change `json:"removed"`
	Unchanged int      `json:"unchanged"`
	// Retired are files that this deployment does not have and that stay reachable
	// for open tabs, sorted by path. [Options].Forget removes them.
	Retired []RetiredFile `json:"retired,omitempty"`
	// Kept are changed files, sorted, of which browsers keep the live content without a
	// request, because of a hash in the name or of _headers.
	Kept []string `json:"kept_by_browsers,omitempty"`
	// Forgets is set if [Options].Forget permanently removes the files that this deployment does
	// not have. A later rollback that would bring one back is refused, unless a person allows it.
	Forgets bool `json:"forgets,omitempty"`
	// Guarded are files that would be Retired if code did not control access to
	// them, sorted by path. They are unreachable after the switch.
	Guarded []Change `json:"guarded,omitempty"`
	// RoutingUnknown is set if an older kv-sync made the live deployment, and it does not record
	// which requests its code handles. All files then count as guarded.
	RoutingUnknown bool `json:"routing_unknown,omitempty"`
	// WorkerChanged is set if code, bindings or settings differ.
	WorkerChanged bool `json:"worker_changed"`
	// Blobs is the number of blobs to upload, Bytes the size of their files, Writes
	// the number of KV writes of the run. The run may need fewer if the upload
	// computes the hashes and finds two equal files.
	Blobs  int   `json:"blobs"`
	Bytes  int64 `json:"bytes"`
	Writes int   `json:"kv_writes"`
	// AtMost is set if the run may write far fewer blobs than Blobs and Writes say: only the upload
	// finds out which chunks of a changed file are already live.
	AtMost bool `json:"at_most,omitempty"`
	// Ahead is the number of files that need no upload because they were uploaded
	// ahead.
	Ahead int `json:"ahead,omitempty"`
	// PruneDue is set if the run prunes after the switch.
	PruneDue bool `json:"prune_due"`
	// Ignored are the paths of the files that git ignores and that are published, sorted.
	Ignored []string `json:"ignored,omitempty"`
	// Excluded counts the entries of the source that are not published.
	Excluded []manifest.Excluded `json:"excluded,omitempty"`
	Notices  []manifest.Problem  `json:"notices,omitempty"`
	// Shadowed are the files that edits made at run time cover, sorted by path.
	Shadowed []Shadow `json:"shadowed,omitempty"`
	// Companion is the name of the script of the overlay, if the deploy uploads it.
	Companion string `json:"companion,omitempty"`
	// Resources are the resources of bindings that the configuration does not name.
	Resources []Resource `json:"resources,omitempty"`
}

// Resource is the resource of a binding for which the configuration names none.
type Resource struct {
	Binding string `json:"binding"`
	// Title is the title of the KV namespace; "" if the binding is inherited from the
	// active version.
	Title string `json:"title,omitempty"`
	// ID is the id of the namespace; "" if the deploy creates it.
	ID string `json:"id,omitempty"`
}

// Change is one path of a plan.
type Change struct {
	Path string `json:"path"`
	// Size is the new size in bytes, or the size of a removed file.
	Size int64 `json:"size"`
	// Before is the live size of a changed file.
	Before int64 `json:"before,omitempty"`
}

// RetiredFile is a file of an earlier deployment. It stays reachable for at least
// Deployments more deployments and until Until.
type RetiredFile struct {
	Path        string    `json:"path"`
	Size        int64     `json:"size"`
	Deployments int       `json:"deployments"`
	Until       time.Time `json:"until"`
}

// Shadow is a file of a deployment that visitors do not see, because an edit made at
// run time covers it.
type Shadow struct {
	Path string `json:"path"`
	// Deleted is set if the edit deleted the file; else it replaced it.
	Deleted bool `json:"deleted,omitempty"`
	// Changed is set if this deploy adds or changes the file, so the change is not visible.
	Changed bool `json:"changed,omitempty"`
}

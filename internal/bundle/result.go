package bundle

import (
	"fmt"
	"sort"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// maxBytes limits the code of a Worker, which is uploaded together with the manifest.
const maxBytes = cloud.MaxScriptBytes

// Result is a Worker's code, ready to be uploaded.
type Result struct {
	// Main is the name of the module whose default export handles requests.
	Main string
	// Modules has Main first, and then the others sorted by name.
	Modules []cloud.Module
	// ServesSite reports whether the Worker reads the manifest of the site.
	ServesSite bool
	// Routing decides which requests the author's code gets before the site.
	Routing manifest.Routing
	// Notices are information for the author. They do not stop a deploy.
	Notices []manifest.Problem
	// Differ lists the files, relative to Root, that were read from the commit and differ on
	// the disk.
	Differ []string
}

// Error lists the reasons for which a Worker could not be bundled.
type Error struct{ Problems []manifest.Problem }

// Error lists the problems, one per line.
func (e *Error) Error() string {
	lines := []string{"the Worker's code was not bundled; nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// refuse returns an Error with one problem.
func refuse(file, reason, fix string) error {
	return &Error{Problems: []manifest.Problem{{Path: file, Reason: reason, Fix: fix}}}
}

// finish sorts the modules, checks the size of the Worker, and adds notices.
func (r *Result) finish(o *project) error {
	o.committed.report(r, o.tsconfig())
	sort.Slice(r.Modules, func(i, j int) bool {
		a, b := r.Modules[i].Name, r.Modules[j].Name
		if (a == r.Main) != (b == r.Main) {
			return a == r.Main
		}
		return a < b
	})
	size := 0
	for _, m := range r.Modules {
		size += len(m.Content)
	}
	if size > maxBytes {
		return refuse(o.displayMain(), fmt.Sprintf("the Worker and its modules have %d MiB, and Cloudflare accepts %d",
			size>>20, maxBytes>>20), "move large files into the site or into R2")
	}
	if o.Dynamic && r.ServesSite {
		return refuse(o.displayMain(), "a project's code has no manifest: its loader gives it the project's assets",
			`call env.ASSETS.fetch(request) instead of using "@kv-sync/worker/site"`)
	}
	if !o.Dynamic && !o.Alone && !r.ServesSite {
		r.Notices = append(r.Notices, manifest.Problem{
			Path:   o.displayMain(),
			Reason: "the Worker never reads the site's manifest, so no visitor will see the site's files",
			Fix:    `import the site from "@kv-sync/worker/site" if the Worker should serve them`,
		})
	}
	sort.SliceStable(r.Notices, func(i, j int) bool { return r.Notices[i].String() < r.Notices[j].String() })
	return nil
}

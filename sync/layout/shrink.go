package layout

import (
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// CheckShrink refuses a deploy without files, or with less than half of the files of
// base. base is nil if nothing is live.
func (d *Draft) CheckShrink(base *manifest.Manifest, opt plan.Options) error {
	if opt.AllowShrink {
		return nil
	}
	if d.Manifest.Len() == 0 && d.Origin.ID != manifest.NoFiles {
		return d.HoldsNothing()
	}
	if base == nil {
		return nil
	}
	return CheckLeft(d.Manifest.Len(), base.Len(), d.Removed)
}

// CheckIgnored refuses files that git ignores, if the rules of the live deployment left
// them out, so that this deploy would publish them unexpectedly.
func (d *Draft) CheckIgnored(base *manifest.Manifest, opt plan.Options) error {
	if base == nil || base.Origin.Edition >= manifest.SelectionEdition || opt.PublishIgnored {
		return nil
	}
	var added []string
	for _, c := range d.Added {
		if _, ignored := slices.BinarySearch(d.Ignored, c.Path); ignored {
			added = append(added, c.Path)
		}
	}
	if len(added) == 0 {
		return nil
	}
	return guard.Stop(guard.Ignored, finding.CaseIgnored, finding.Facts{
		What: humanize.Count(len(added), "file"), Path: humanize.List(added),
	})
}

// HoldsNothing returns the error for a source without files.
func (d *Draft) HoldsNothing() error {
	err := guard.Stop(guard.Shrink, finding.CaseEmpty, finding.Facts{Path: d.where()})
	err.Removed = d.Removed
	return err
}

// CheckLeft refuses a deploy that leaves less than half of the files. It compares
// numbers and not names, because a build with a hash in each name renames all files.
func CheckLeft(now, before int, removed []plan.Change) error {
	if 2*now >= before {
		return nil
	}
	err := guard.Stop(guard.Shrink, finding.CaseShrink, finding.Facts{Count: now, What: humanize.Count(before, "file")})
	err.Removed = removed
	return err
}

func (d *Draft) where() string {
	if d.Origin.Commit != "" {
		return fmt.Sprintf("%s at commit %.12s", d.Origin.Dir, d.Origin.Commit)
	}
	return d.Origin.Dir
}

package term

import (
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
)

// KVAssets prints what an upload in the layout kv-assets did, or would do. The words
// are those of the Rust kv-sync, whose output scripts may read.
func (c *Console) KVAssets(res *kvassets.Result, written app.Written, output string, dry bool) {
	t := c.page(c.color)
	t.problems(res.Notices)
	namespace := Visible(res.Title)
	if namespace == "" {
		namespace = Visible(res.Namespace)
	}
	would := ""
	if dry {
		would = "would be "
	}
	if res.Created {
		t.line("Namespace %screated: %s", would, namespace)
	} else {
		t.line("Namespace used: %s", namespace)
	}
	if res.Uploaded > 0 {
		verb := "Uploaded"
		if dry {
			verb = "Would upload"
		}
		t.line("%s %s of %s, %s.", verb, humanize.Count(res.Uploaded, "file"), humanize.Number(res.Files),
			humanize.Bytes(res.Bytes))
	}
	if dry && written != app.Unchanged {
		t.line("Manifest would be %s: %s", written, Visible(output))
	} else {
		t.line("Manifest %s: %s", t.with(green, string(written)), Visible(output))
	}
	if res.Obsolete > 0 {
		t.line("Pruning deferred: %s of the earlier manifest. When the Worker is published with the new one: kv-sync --prune",
			humanize.Count(res.Obsolete, "obsolete file"))
	}
	c.print(t.String())
}

// KVAssetsPruned prints what a prune in the layout kv-assets did, or would do.
func (c *Console) KVAssetsPruned(p *layout.Pruned, dry bool) {
	t := c.page(c.color)
	verb := "Pruned"
	if dry {
		verb = "Would prune"
		t.names("-", red, p.Keys)
	}
	t.line("%s %s; kept %s.", verb, humanize.Count(p.Deleted, "obsolete file"), humanize.Count(p.Kept, "key"))
	if p.Young > 0 {
		t.line("Pruning deferred: %s that recent manifests name.", humanize.Count(p.Young, "obsolete file"))
	}
	if p.Left > 0 {
		t.line("%s more are left for the next prune.", humanize.Number(p.Left))
	}
	if p.Unrecorded > 0 {
		t.line("Kept %s in the form of the Rust kv-sync that no record names. "+
			"If nothing else needs such keys: --unrecorded", humanize.Count(p.Unrecorded, "key"))
	}
	c.print(t.String())
}

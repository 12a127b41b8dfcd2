package term

import (
	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// Deletion prints what is to be deleted, and what stays. local reports whether the local platform has it.
func (c *Console) Deletion(d *kvsync.Deletion, local bool) {
	t := c.page(c.color)
	t.line("To delete of %s:", t.with(bold, Visible(d.Site)))
	minus := t.with(red, "-")
	if d.Worker != "" {
		t.line("  %s the Worker %s, with its versions, secrets and routes", minus, Visible(d.Worker))
	}
	if d.Companion != "" {
		t.line("  %s the Worker %s, its companion, with the Durable Objects", minus, Visible(d.Companion))
	}
	if d.Deployment != "" && d.Worker == "" {
		t.line("  %s the live deployment %s", minus, Visible(d.Deployment))
	}
	if d.Keys > 0 {
		t.line("  %s %s in KV: files, manifests and records", minus, humanize.Count(d.Keys, "key"))
	}
	if d.Edits > 0 {
		t.line("  %s %s made at run time, which only kv-sync pull brings into git", minus,
			humanize.Count(d.Edits, "edit"))
	}
	if d.Namespace != "" {
		t.line("The KV namespace %s stays, with the keys of other sites and projects.", Visible(d.Namespace))
	}
	where := ""
	if local {
		where = " and the variables that kv-sync dev prints"
	}
	for _, n := range d.Bound {
		t.line("Stays: the KV namespace %s, made for the binding %s, with what the Worker wrote; delete it with "+
			"npx wrangler kv namespace delete --namespace-id %s%s", Visible(n.Title), Visible(n.Binding), Visible(n.ID),
			where)
	}
	t.problems(d.Notices)
	c.print(t.String())
}

// Deleted prints that everything is deleted.
func (c *Console) Deleted(d *kvsync.Deletion, st app.Stats) {
	t := c.page(c.color)
	t.line("%s %s, in %s (%s)", t.with(green, "Deleted:"), Visible(d.Site), humanize.Seconds(st.Duration), statsText(st))
	c.print(t.String())
}

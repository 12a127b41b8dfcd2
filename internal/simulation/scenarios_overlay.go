package simulation

import (
	"context"
	"time"

	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/internal/simulation/inspect"
	"github.com/kv-sync/kv-sync/internal/simulation/source"
	"github.com/kv-sync/kv-sync/internal/simulation/worktree"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// edits are what people write at run time: a page over one of git, a new one, a deletion, and one
// of a type that no file has.
var edits = []write{{path: "/about.html", body: "about, edited"}, {path: "/note.html", body: "a note"},
	{path: "/old.html"}, {path: "/data.html", body: "{}", typ: "application/json"}}

// wikiHistory is the repository of the site with an overlay. The third commit has what two edits
// wrote, the fourth changes one of these pages again.
func wikiHistory() []*source.Commit {
	written := pages(802)
	for _, e := range edits[:2] {
		written[e.path] = e.body
	}
	later := pages(803)
	later[edits[0].path], later[edits[1].path] = "about, edited and changed", edits[1].body
	return source.Repository("example.com/ada/wiki", pages(800, "/old.html"), pages(801, "/old.html"), written, later)
}

// overlayScenarios are runs of a site to which people write at run time.
func overlayScenarios() []*Scenario {
	h := wikiHistory()
	edited := sequence(deployedTo(wiki, h[0]), wrote(edits...))
	pulled := sequence(edited, pulls(h[0]))
	scenario := func(name, kind string, before func(*World), run func(context.Context, *Process) error,
		live *source.Commit, kept ...write) *Scenario {
		return &Scenario{Name: name, Actor: wiki + "/" + kind, Before: before, Run: run, After: func(w *World) string {
			if wrong := wantsAt(wiki, live)(w); wrong != "" {
				return wrong
			}
			return w.lost(wiki, kept...)
		}}
	}
	deploys := func(name string, before func(*World), c *source.Commit, kept ...write) *Scenario {
		return scenario(name, "deploy", before, deployTo(wiki, c, anySize), c, kept...)
	}
	newer := func(ctx context.Context, p *Process) error {
		return deployOf(wiki, source.Of(h[1]), overlaid("two"), plan.Options{})(ctx, p)
	}
	back := scenario("rollback beside edits", "rollback", sequence(deployedTo(wiki, h[0], h[1]), wrote(edits...)),
		rollbackOf(wiki, noOptions), h[0], edits...)
	back.Once = true
	return []*Scenario{
		deploys("first deploy with an overlay", func(*World) {}, h[0]),
		deploys("deploy beside edits", edited, h[1], edits...),
		deploys("deploy that has edits", edited, h[2], edits...),
		deploys("deploy after edits were adopted", sequence(edited, deployedTo(wiki, h[2])), h[3], edits[2:]...),
		scenario("deploy with a new companion", "deploy", edited, newer, h[1], edits...),
		scenario("deploy without the overlay", "deploy", edited, refused(guard.Overlay, withoutOverlay(h[1], plan.Options{})),
			h[0], edits...),
		scenario("deploy --hide-edits", "deploy", edited, withoutOverlay(h[1], plan.Options{HideEdits: true}), h[1]),
		scenario("deploy --repair beside edits", "deploy", edited, deployTo(wiki, h[0], plan.Options{Repair: true}), h[0],
			edits...),
		back,
		scenario("prune beside edits", "prune", sequence(deployedTo(wiki, h[0], h[1], h[2]), wrote(edits[2:]...),
			deployedTo(wiki, h[3]), passed(48*time.Hour)), pruneOf(wiki), h[3], edits[2:]...),
		deletes("site with edits deleted", wiki, edited),
		deploys("site with an overlay made again", sequence(edited, deleted(wiki)), h[1]),
		pullsEdits("pull", edited, h[0]),
		pullsEdits("pull a second time", sequence(pulled, wrote(edits[1])), h[0]),
		scenario("deploy after a pull", "deploy", pulled, deployPulled(h[3], false), h[3], edits[2:]...),
		scenario("deploy after a pull that was discarded", "deploy", pulled, deployPulled(h[1], true), h[1], edits...),
	}
}

// wrote has people write at run time, and waits until KV shows it.
func wrote(all ...write) func(*World) {
	return func(w *World) {
		w.Must(wiki+"/"+inspect.Writer+" before", "browser", writes(all...))
		w.Pass(time.Hour)
	}
}

// withoutOverlay deploys with a configuration that has the overlay off.
func withoutOverlay(c *source.Commit, opt plan.Options) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		off := settingsOf(wiki)
		off.Serving.Overlay, off.Rights.Write = false, false
		_, err := p.Engine(off).Deploy(ctx, source.Of(c), worker, opt)
		return err
	}
}

// pull brings edits into the work tree of the machine, as internal/app does.
func (p *Process) pull(ctx context.Context) error {
	tree := p.machine.tree
	tree.Dead = p.isDead
	o, err := p.Engine(settingsOf(wiki)).Overlay(ctx)
	if err != nil {
		return err
	}
	report, err := pull.Pull(ctx, o.Entries, o, tree, pull.Options{Known: tree.Pulled,
		ContentType: func(string) string { return htmlType }})
	if err != nil {
		return err
	}
	tree.SetPulled(report.Pulled)
	return nil
}

// pulls pulls into the work tree of the machine "ci", which has the files of a commit.
func pulls(c *source.Commit) func(*World) {
	return func(w *World) {
		w.machine("ci").tree = worktree.New(c.Files)
		w.Must(wiki+"/pull before", "ci", func(ctx context.Context, p *Process) error { return p.pull(ctx) })
	}
}

// pullsEdits is a scenario of a pull. Each edit is in the work tree after it, and those that a file
// can represent are in the record.
func pullsEdits(name string, before func(*World), c *source.Commit) *Scenario {
	begin := func(w *World) {
		before(w)
		if w.machine("ci").tree == nil {
			w.machine("ci").tree = worktree.New(c.Files)
		}
	}
	return &Scenario{Name: name, Actor: wiki + "/pull", Before: begin,
		Run:    func(ctx context.Context, p *Process) error { return p.pull(ctx) },
		Claims: func(w *World) string { return w.partly() },
		After: func(w *World) string {
			tree := w.machine("ci").tree
			for path, e := range w.object(wiki).Entries() {
				body, there := tree.Files[path]
				switch n := tree.Pulled.Writes[path]; {
				case there != (e.Content != nil), there && inspect.HashOf(body) != e.Content.Hash:
					return "the work tree does not have the edit of " + path
				case n.String() != e.Nonce && (e.Content == nil || e.Content.Type == htmlType):
					return "the record does not have the edit of " + path
				}
			}
			return w.partly()
		}}
}

// partly says which file of the work tree is neither that of the commit nor what was written at run
// time, or which edit is in the record and not in the files; or is "".
func (w *World) partly() string {
	tree := w.machine("ci").tree
	for path, n := range tree.Pulled.Writes {
		e, ok := w.object(wiki).Entries()[path]
		if body, there := tree.Files[path]; ok && e.Nonce == n.String() && (there != (e.Content != nil) ||
			there && inspect.HashOf(body) != e.Content.Hash) {
			return "the record has the edit of " + path + ", and the work tree does not"
		}
	}
	return ""
}

// deployPulled deploys a commit with the record of the work tree, or a folder whose pulled files
// were discarded, with the record that was left.
func deployPulled(c *source.Commit, discarded bool) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		s := source.Pulled{Source: source.Of(c), Record: p.machine.tree.Pulled}
		if discarded {
			s.Discarded = p.machine.tree.Discard(c.Files)
		}
		for path, n := range s.Record.Writes {
			if !s.Discarded[path] {
				p.world.Check.InGit(c.ID, path, n.String())
			}
		}
		return deployOf(wiki, s, workerOf(wiki), anySize)(ctx, p)
	}
}

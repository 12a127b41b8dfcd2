package term

import (
	"strings"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/humanize"
)

// shownSaved is how many paths the line of a save names.
const shownSaved = 3

// Saved says in one line what a save has changed, and how long after it.
func (c *Console) Saved(p *kvsync.Plan, at time.Time, took time.Duration) {
	color := paint(c.color)
	var what []string
	all := 0
	for _, kind := range []struct {
		mark    string
		style   style
		changes []kvsync.Change
	}{{"~", yellow, p.Changed}, {"+", green, p.Added}, {"-", red, p.Removed}} {
		for _, change := range kind.changes {
			if all++; all <= shownSaved {
				what = append(what, color.with(kind.style, kind.mark)+" "+Visible(change.Path))
			}
		}
	}
	if all > shownSaved {
		what = append(what, "and "+humanize.Number(all-shownSaved)+" more")
	}
	if p.WorkerChanged {
		what = append(what, color.with(yellow, "~")+" the Worker")
	}
	if len(what) == 0 {
		what = append(what, color.with(yellow, "~")+" _redirects, _headers or how the site is served")
	}
	c.print(color.with(faint, at.Format("15:04:05")) + "  " + strings.Join(what, "  ") + "  " + color.with(faint, "in "+humanize.Milliseconds(took)) + "\n")
}

// Address says where the site is.
func (c *Console) Address(url string) {
	c.print(paint(c.color).with(bold, Visible(url)) + "\n")
}

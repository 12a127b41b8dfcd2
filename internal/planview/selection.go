package planview

import (
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// selection says which published files git ignores, and which files are not published.
func (r Reader) selection(p *plan.Plan) []string {
	var out []string
	if n := len(p.Ignored); n > 0 {
		are := "is"
		if n > 1 {
			are = "are"
		}
		const text = "%s that git ignores %s published (gitignore = true in kv-sync.toml leaves them out): %s"
		out = append(out, fmt.Sprintf(text,
			humanize.Count(n, "file"), are, r.list(p.Ignored)))
	}
	if len(p.Excluded) > 0 {
		parts := make([]string, 0, len(p.Excluded))
		for _, e := range p.Excluded {
			parts = append(parts, r.excludedText(e))
		}
		out = append(out, "not published: "+strings.Join(parts, "; "))
	}
	return out
}

// excludedText names the entries of one kind.
func (r Reader) excludedText(e manifest.Excluded) string {
	first := e.First
	switch more := e.Count - len(e.Paths); {
	case r.Whole && len(e.Paths) > 0:
		if first = strings.Join(e.Paths, ", "); more > 0 {
			first += fmt.Sprintf(" and %d more", more)
		}
	case e.Count > 1:
		first = fmt.Sprintf("%s and %d more", e.First, e.Count-1)
	}
	switch e.Kind {
	case manifest.ExcludedDotfile:
		return humanize.Count(e.Count, "dotfile") + " (" + first + ")"
	case manifest.ExcludedSettings:
		return "configuration (" + first + ")"
	case manifest.ExcludedPattern:
		return "by .assetsignore or ignore (" + first + ")"
	case manifest.ExcludedGit:
		return "by .gitignore (" + first + ")"
	}
	return first
}

package planview

import (
	"fmt"

	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// keptText says of which changed files browsers keep showing the old content. It returns "" if
// there are none.
func (r Reader) keptText(p *plan.Plan) string {
	if len(p.Kept) == 0 {
		return ""
	}
	subject := "1 changed file has"
	if n := len(p.Kept); n > 1 {
		subject = humanize.Count(n, "changed file") + " have"
	}
	return fmt.Sprintf("%s been served with a long Cache-Control, because of a hash in the name or of _headers. "+
		"Browsers that have the old content keep it without asking; a new name helps: %s", subject, r.list(p.Kept))
}

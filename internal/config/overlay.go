package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

// overlayValue reads the setting "overlay" and returns it as one text: "off", or "on" followed by
// the rights. A table means on; false means off, also if a shared file enables the overlay.
func overlayValue(r *tree.Reader, n *tree.Node) (string, bool) {
	if n.Value == false {
		return "off", true
	}
	before := len(r.Errors)
	t, isTable := n.Value.(*tree.Table)
	if !isTable {
		r.WrongType(n, "a table", "write the line [overlay], and below it what may be written, such as write = true")
		return "", false
	}
	r.RefuseOthers(t, []string{"write", "rules"}, func(name string, known []string) string {
		if isKey(name) { // in TOML all lines below the header of a table belong to the table
			return "write it above the line [overlay]: all lines below it belong to that table"
		}
		return tree.Nearest(name, known)
	})
	text := "on"
	for _, right := range []string{"write", "rules"} {
		if m := t.Get(right); m != nil && r.Flag(m) {
			text += " " + right
		}
	}
	return text, len(r.Errors) == before
}

// setOverlay enables or disables the overlay.
func setOverlay(s *Settings, v string) error {
	words := strings.Fields(v)
	if v != "off" && (len(words) == 0 || words[0] != "on") {
		return errors.New("write a table [overlay], or overlay = false")
	}
	s.Serving.Overlay = v != "off"
	s.Rights = overlay.Rights{Write: slices.Contains(words, "write"), Rules: slices.Contains(words, "rules")}
	return nil
}

// finishOverlay checks the settings that an overlay depends on.
func (l *loader) finishOverlay() {
	s := l.s
	if !s.Serving.Overlay {
		return
	}
	where := s.origins["overlay"]
	own := l.isOwn(where)
	switch {
	case s.Project != "" && s.Layout == "pathname" && own:
		l.refuse(where, `the layout "pathname" has no overlay`, `remove the table, or use the layout "content"`)
	case s.Project != "":
		if s.Rights != (overlay.Rights{}) && own {
			l.notice(where, "write and rules have no effect on a project: its loader gives the rights", "remove them")
		}
		s.Serving.Overlay, s.Rights = s.Layout != "pathname", overlay.Rights{}
	case len(s.Name) > overlay.MaxSite:
		l.refuse(cmp.Or(s.origins["name"], where), fmt.Sprintf("the name %q has %d characters; "+
			"with an overlay %d are allowed, because the companion is called %s",
			s.Name, len(s.Name), overlay.MaxSite, overlay.CompanionName(s.Name)), "choose a shorter name")
	case s.Rights.Rules && !s.Rights.Write:
		l.refuse(where, "overlay.rules allows writing rule files, but overlay.write is not true",
			"set both, or remove rules")
	}
	s.Code.Overlay = s.Project == ""
}

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// overlay reads the table of that name as one text: "off", or "on" and the rights
// that it gives. Its presence is what switches the overlay on; false takes back
// what a shared file says.
func (r *reader) overlay(n *node) (string, bool) {
	if n.value == false {
		return "off", true
	}
	before := len(r.errors)
	t, isTable := n.value.(*table)
	if !isTable {
		r.wrong(n, "a table", `write it as the line [overlay], and below it what may be written, for instance the line write = true`)
		return "", false
	}
	r.knownOf(t, "overlay", "write", "rules")
	text := "on"
	for _, right := range []string{"write", "rules"} {
		if m := t.get(right); m != nil && r.flag(m) {
			text += " " + right
		}
	}
	return text, len(r.errors) == before
}

// setOverlay switches the overlay on or off.
func setOverlay(s *Settings, v string) error {
	words := strings.Fields(v)
	s.Serving.Overlay, s.Rights = false, kvsync.Rights{}
	if v == "off" {
		return nil
	}
	if len(words) == 0 || words[0] != "on" {
		return errors.New("write a table [overlay], or overlay = false")
	}
	s.Serving.Overlay = true
	s.Rights = kvsync.Rights{Write: slices.Contains(words, "write"), Rules: slices.Contains(words, "rules")}
	return nil
}

// settleOverlay looks at what the overlay needs, when all else is known.
func (l *loader) settleOverlay() {
	s := l.s
	if !s.Serving.Overlay {
		return
	}
	where := s.origins["overlay"]
	own := where.place == ProjectFile // and not the file that projects share, where it may be meant for their loader
	switch {
	case s.Project != "" && s.Layout == "pathname" && own:
		l.errors = append(l.errors, where.problem(`the layout "pathname" has no overlay`, `take the table out, or use the layout "content"`))
	case s.Project != "":
		if s.Rights != (kvsync.Rights{}) && own {
			l.notices = append(l.notices, where.problem("write and rules have no effect on a project: its loader gives the rights", "take them out"))
		}
		s.Serving.Overlay, s.Rights = s.Layout != "pathname", kvsync.Rights{}
	case len(s.Name) > kvsync.MaxOverlaySite:
		name := s.origins["name"]
		if name.place == "" {
			name = where
		}
		l.errors = append(l.errors, name.problem(fmt.Sprintf("the name %q has %d characters; with an overlay it may have %d, for its companion is called %s",
			s.Name, len(s.Name), kvsync.MaxOverlaySite, kvsync.CompanionName(s.Name)), "take a shorter name"))
	case s.Rights.Rules && !s.Rights.Write:
		l.errors = append(l.errors, where.problem("overlay.rules lets rule files be written, and overlay.write is not true", "write both, or take rules out"))
	}
	s.Code.Overlay = s.Project == ""
}

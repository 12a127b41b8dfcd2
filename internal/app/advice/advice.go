// Package advice says what to do about an error, a guard or a notice. The text depends
// on the [Place] where a person reads it: a terminal, a workflow or the daemon's page.
// The engine's findings contain no advice, so it names no flags and no inputs.
package advice

import (
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Place is where a person reads a message, and how the person can act.
type Place int

// The places.
const (
	Terminal Place = iota // the person types flags
	Workflow              // the person edits a workflow, and can start it by hand
	Daemon                // the person uses the daemon's page, or edits its configuration
	Watch                 // the person saves files, and each save is deployed
	Hook                  // the person pushes, and has installed a hook with flags
)

// remedy says what to do in each place; "" means that nothing has to be done.
type remedy [3]string

func everywhere(text string) remedy { return remedy{text, text, text} }

// Fix says what to do about a finding; "" if there is no remedy. g is the guard that made the
// finding, "" if none did.
func (p Place) Fix(g guard.ID, f *finding.Finding) string {
	r, ok := caseRemedies[f.Case]
	if !ok {
		r = guardRemedies[g]
	}
	return f.Facts.Fill(r.in(p))
}

// Remedy says what to do about a guard in general.
func (p Place) Remedy(g guard.ID) string { return guardRemedies[g].in(p) }

// in returns the remedy for a place. What says at a terminal to run a command again says to save
// the file while a folder is watched.
func (r remedy) in(p Place) string {
	if p == Watch {
		return strings.NewReplacer(againSame, "save the file", again, "save the file").Replace(r[Terminal])
	}
	if p == Hook {
		return r[Terminal]
	}
	return r[p]
}

// Problems returns a copy of the list in which the engine's findings have their fix, in the words of the
// place.
func (p Place) Problems(list []manifest.Problem) []manifest.Problem {
	list = slices.Clone(list)
	for i := range list {
		if f := list[i].Finding; f != nil {
			list[i].Fix = p.Fix("", f)
		}
		list[i].Path, list[i].Reason, list[i].Fix = p.Spell(list[i].Path), p.Spell(list[i].Reason), p.Spell(list[i].Fix)
	}
	return list
}

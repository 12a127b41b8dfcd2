// Package advice says what to do about what stopped a run, or is worth a notice,
// in each [Place] where a message is read. The engine's findings have no advice:
// this is the one table of it. It also has the one list of the options that may be
// waived, which a terminal takes as flags and a workflow as inputs.
package advice

import (
	"slices"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Place is where the reader of a message acts. What helps depends on it.
type Place int

// The places.
const (
	Terminal Place = iota // types flags
	Workflow              // writes a workflow, and can start it by hand
	Daemon                // looks at the daemon's page, or writes its configuration
)

// remedy says what to do in each place; "" where nothing is to be done.
type remedy [3]string

func everywhere(text string) remedy { return remedy{text, text, text} }

// Fix says what to do about a finding of a guard, or with the guard "" of something
// else. It is "" where no remedy is known.
func (p Place) Fix(g guard.ID, f *finding.Finding) string {
	r, ok := caseRemedies[f.Case]
	if !ok {
		r = guardRemedies[g]
	}
	return f.Facts.Fill(r[p])
}

// Remedy says what to do in general where a guard stops a deploy.
func (p Place) Remedy(g guard.ID) string { return guardRemedies[g][p] }

// Problems adds to the engine's findings among the problems what to do about
// them. The list that is given stays as it is.
func (p Place) Problems(list []manifest.Problem) []manifest.Problem {
	list = slices.Clone(list)
	for i := range list {
		if f := list[i].Finding; f != nil {
			list[i].Fix = p.Fix("", f)
		}
	}
	return list
}

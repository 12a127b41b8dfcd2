package project

import (
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// WorkerError lists the parts of a Worker that a Dynamic Worker cannot have. The run has
// sent nothing.
type WorkerError struct {
	Project  string
	Problems []manifest.Problem
}

// Error lists the problems, a line each.
func (e *WorkerError) Error() string {
	lines := []string{"the Worker of project " + e.Project + " cannot be a Dynamic Worker, nothing was sent:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// Check returns a [WorkerError] for a Worker that would not run as a Dynamic Worker,
// and notices about settings that have no effect there.
func Check(id string, w cloud.Worker) (notices []manifest.Problem, err error) {
	var refused []manifest.Problem
	for _, b := range w.Bindings {
		if b.Name == BindingAssets {
			refused = append(refused, manifest.ProblemOf(b.Name, CaseAssets, finding.Facts{Name: BindingAssets}))
		} else if _, ok := variable(b); !ok {
			refused = append(refused, manifest.ProblemOf(b.Name, CaseBinding, finding.Facts{Name: b.Type}))
		}
	}
	if len(w.Migrations) > 0 {
		refused = append(refused, manifest.ProblemOf("migrations", CaseMigrations, finding.Facts{}))
	}
	if len(refused) > 0 {
		return nil, &WorkerError{Project: id, Problems: refused}
	}
	for name := range w.Settings {
		notices = append(notices, manifest.ProblemOf(name, CaseSetting, finding.Facts{Name: id}))
	}
	return notices, nil
}

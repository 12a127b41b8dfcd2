package project

import (
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// WorkerError lists what a Dynamic Worker cannot have. Nothing was sent.
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
			refused = append(refused, manifest.Problem{
				Path: b.Name, Fix: "give the variable another name",
				Reason: "a project's code gets its assets as env." + BindingAssets + " from its loader, " +
					"so no variable can have that name",
			})
		} else if _, ok := variable(b); !ok {
			refused = append(refused, manifest.Problem{
				Path: b.Name, Reason: "a binding of the type " + b.Type + " cannot be given to a Dynamic Worker",
				Fix: "remove it from the project's configuration; the loader passes what the code may use besides variables",
			})
		}
	}
	if len(w.Migrations) > 0 {
		refused = append(refused, manifest.Problem{
			Path: "migrations", Reason: "a Dynamic Worker has no Durable Objects of its own",
			Fix: "remove them from the project's configuration",
		})
	}
	if len(refused) > 0 {
		return nil, &WorkerError{Project: id, Problems: refused}
	}
	for name := range w.Settings {
		notices = append(notices, manifest.Problem{
			Path: name, Reason: "this setting has no effect on the Dynamic Worker of project " + id,
			Fix: "set it for its loader",
		})
	}
	return notices, nil
}

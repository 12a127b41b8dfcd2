package local

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/standin"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Notices says how the bindings of a Worker differ on the platform: one line for all whose data are
// on this machine, and a line for each that lacks something.
func (p *Platform) Notices(ctx context.Context, worker string, bindings []cloud.Binding) []manifest.Problem {
	var sites map[string]string
	var list []manifest.Problem
	if here := stored(bindings); len(here) > 0 {
		list = append(list, manifest.Problem{Reason: "the data of " + strings.Join(here, ", ") +
			" are on this machine, empty at first; nothing of an account is read or written"})
	}
	for _, b := range bindings {
		bound := standin.Binding{Name: b.Name, Type: b.Type, Fields: b.Fields}
		note := standin.Note(bound)
		if to := bound.Target(); to != "" && to != worker {
			if sites == nil {
				sites = p.Sites(ctx)
			}
			if sites[to] == "" {
				note = fmt.Sprintf("env.%s (%s) does not work until the Worker %s is deployed on the local platform, too",
					b.Name, b.Type, to)
			}
		}
		if note != "" {
			list = append(list, manifest.Problem{Reason: note})
		}
	}
	return list
}

// stored returns the bindings whose data would be in an account, and are on this machine.
func stored(bindings []cloud.Binding) []string {
	var list []string
	for _, b := range bindings {
		if bound := (standin.Binding{Name: b.Name, Type: b.Type}); standin.Stores(bound) {
			list = append(list, fmt.Sprintf("env.%s (%s)", b.Name, b.Type))
		}
	}
	slices.Sort(list)
	return list
}

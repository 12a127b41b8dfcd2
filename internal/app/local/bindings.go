package local

import (
	"context"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/platform/standin"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Notices says what the bindings of a Worker lack on the platform, a line for each.
func (p *Platform) Notices(ctx context.Context, worker string, bindings []cloud.Binding) []manifest.Problem {
	var sites map[string]string
	var list []manifest.Problem
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

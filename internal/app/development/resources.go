package development

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config"
)

// nameResources names the resources for which the configuration has no id or name yet. Two Workers
// whose configurations give a database the same name share it. A KV namespace needs no
// name: a deploy creates it.
func nameResources(set *config.Settings) {
	set.Worker.Bindings = slices.Clone(set.Worker.Bindings)
	for i := range set.Worker.Bindings {
		b := &set.Worker.Bindings[i]
		if b.Unnamed == nil || b.Type == "kv_namespace" {
			continue
		}
		named := *b.Unnamed
		named.StandIn = "local-" + strings.Map(inName, strings.ToLower(cmp.Or(named.Hint, b.Name)))
		b.Unnamed = &named
	}
}

// inName replaces characters that the name of a bucket cannot contain.
func inName(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}

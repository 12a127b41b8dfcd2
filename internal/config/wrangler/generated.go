package wrangler

import "github.com/kv-sync/kv-sync/internal/config/tree"

// Generated says that a build tool wrote a file.
type Generated struct {
	// Source is the file from which it was made, nil if that is not known.
	Source *tree.Source
}

// IsGenerated reports whether a build tool wrote a wrangler file for one environment,
// as far as the file itself says so.
func IsGenerated(top *tree.Table) bool {
	return top.Get("configPath") != nil || top.Get("userConfigPath") != nil || top.Get("topLevelName") != nil
}

// provenance lists the members of a generated file that only say where it comes from.
var provenance = []string{"configPath", "userConfigPath", "topLevelName", "definedEnvironments", "targetEnvironment",
	"legacy_env"}

// describesBinding reports whether a value looks like bindings: the Worker would miss something
// without it.
func describesBinding(n *tree.Node) bool {
	switch v := n.Value.(type) {
	case []*tree.Node:
		for _, e := range v {
			if _, ok := e.Value.(*tree.Table); ok {
				return true
			}
		}
	case *tree.Table:
		for _, name := range v.Names {
			if name == "binding" || name == "bindings" || describesBinding(v.Get(name)) {
				return true
			}
		}
	}
	return false
}

package config

import (
	"fmt"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// BuildCommand names the command that builds the project, for messages.
func (s *Settings) BuildCommand() string { return s.buildCommand() }

// NameNotice says how a site that nobody named is called. It is for the first deploy: later the name is
// the one that is live.
func (s *Settings) NameNotice() manifest.Problem {
	return manifest.Problem{
		Reason: fmt.Sprintf("the site is called %q, after %s", s.Name, s.Where("name")),
		Fix:    fmt.Sprintf("to fix the name, write name = %q into %s", s.Name, ProjectFile),
	}
}

// Unset returns notices about the required secrets, which a deploy does not set. local reports that it
// is a deploy to the local platform.
func (s *Settings) Unset(local bool) []manifest.Problem {
	var out []manifest.Problem
	for _, name := range s.RequiredSecrets {
		reason, fix := "which is carried over if it exists and is not checked", "set it with wrangler secret put "+name
		if local {
			reason, fix = "which no file of variables for development has", "write "+name+"=VALUE into .dev.vars"
		}
		out = append(out, manifest.Problem{
			Reason: "the Worker needs the secret " + name + ", " + reason, Fix: fix,
		})
	}
	return out
}

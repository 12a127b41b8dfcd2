package config

import (
	"fmt"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// BuildCommand names the command that builds the project, for messages.
func (s *Settings) BuildCommand() string { return s.buildCommand() }

// ToolCommand names the command of the build tool that the project uses. It is "" if none is
// recognised, or if kv-sync runs the build.
func (s *Settings) ToolCommand() string {
	if s.Build.Line != "" {
		return ""
	}
	return s.toolCommand()
}

// NameNotice returns a notice with the name of a site for which no name is configured. It is only
// useful for the first deploy. before is another site that was deployed from the same folder, or "".
func (s *Settings) NameNotice(before string) manifest.Problem {
	if before != "" {
		return manifest.Problem{
			Reason: fmt.Sprintf("this is a new site, which is called %q, after %s; this folder was last deployed as %q, "+
				"which this deploy does not change", s.Name, s.Where("name"), before),
			Fix: fmt.Sprintf("to deploy to that one, give --name %s, or write name = %q into %s", before, before, ProjectFile),
		}
	}
	return manifest.Problem{
		Reason: fmt.Sprintf("the site is called %q, after %s", s.Name, s.Where("name")),
		Fix:    fmt.Sprintf("to fix the name, write name = %q into %s", s.Name, ProjectFile),
	}
}

// Unset returns notices about the required secrets, because a deploy does not set them. local reports
// whether the deploy is to the local platform.
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

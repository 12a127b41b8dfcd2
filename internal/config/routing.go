package config

import (
	"fmt"
	"slices"
)

// checkRetire refuses or reports a "retire" that has no effect.
func (l *loader) checkRetire() {
	s := l.s
	where := s.origins["retire"]
	if len(s.Retire) == 0 || !l.isOwn(where) {
		return
	}
	switch {
	case s.Layout == layoutKVAssets, s.Layout == "pathname" && s.Project != "":
		l.refuse(where, fmt.Sprintf("the layout %q keeps no removed file reachable", s.Layout),
			`remove retire, or use the layout "content"`)
	case s.Code.Main == "":
		l.notice(where, "retire has no effect: no code gets requests, so every removed file stays reachable for open tabs",
			"remove it")
	}
}

// With the flag navigationToAssets, or from the date navigationByDefault, not_found_handling
// answers navigation requests of browsers before the Worker. navigationNoEffect prevents it.
// Source: https://developers.cloudflare.com/workers/configuration/compatibility-flags/
const (
	navigationByDefault = "2025-04-01"
	navigationToAssets  = "assets_navigation_prefers_asset_serving"
	navigationNoEffect  = "assets_navigation_has_no_effect"
)

// finishRouting completes the routing of a wrangler file's "assets" when the Worker and the
// compatibility date are known.
func (l *loader) finishRouting() {
	s := l.s
	routing := s.Code.Routing
	if routing == nil {
		return
	}
	first, hasFirst := s.origins["assets.run_worker_first"]
	switch flags := s.Worker.CompatibilityFlags; {
	case s.Project != "":
		s.Code.Routing = nil
		if routing.Binding != "" && routing.Binding != "ASSETS" {
			l.refuse(s.origins["assets.binding"], "a project's code gets its assets from its loader, as env.ASSETS",
				`name the binding "ASSETS"`)
		}
		if hasFirst {
			l.notice(first, "run_worker_first is not used: "+
				"a project's code gets every request that its loader passes on", "")
		}
	case s.Code.Main == "":
		s.Code.Routing = nil
		if routing.Binding != "" || len(routing.Worker) > 0 {
			l.notice(s.origins["assets"], "assets has a binding or run_worker_first, but there is no Worker to use them",
				`remove them, or name the Worker's file in "main"`)
		}
	case s.Serving.NotFound == "":
		// Without not_found_handling the Worker answers for missing files.
		routing.NotFound = ""
	case routing.NotFound == "" && !slices.Contains(flags, navigationNoEffect) &&
		(s.Worker.CompatibilityDate >= navigationByDefault || slices.Contains(flags, navigationToAssets)):
		routing.NotFound = "navigation"
	}
}

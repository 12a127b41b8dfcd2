package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Wrangler's limits for run_worker_first.
const (
	maxRoutePatterns     = 100
	maxRoutePatternBytes = 100
)

// assets reads the section "assets". finishRouting completes the routing later, because a
// flag may name the Worker.
func (w *wrangler) assets(n *tree.Node) {
	t := w.object(n)
	w.refuseUnknown(t, "directory", "binding", "html_handling", "not_found_handling", "run_worker_first", "base_path")
	routing := &bundle.Routing{}
	w.out.Code.Routing = routing
	w.recordLine("assets", n)
	for _, name := range t.Names {
		switch m := t.Get(name); name {
		case "directory":
			w.directory(m)
		case "html_handling":
			w.out.Serving.HTMLHandling = w.oneOf(m, htmlHandlings...)
			w.recordLine("html-handling", m)
		case "not_found_handling":
			w.out.Serving.NotFound = w.oneOf(m, notFoundHandlings...)
			w.recordLine("not-found", m)
		case "binding":
			if name := w.text(m); w.reserve(m, name) {
				routing.Binding = name
				w.recordLine("assets.binding", m)
			}
		case "run_worker_first":
			w.recordLine("assets.run_worker_first", m)
			w.runWorkerFirst(m, routing)
		case "base_path":
			w.refuse(m, m.Path+" (a prefix of every pathname) is not supported by kv-sync",
				"let the build write the files into a folder of that name below the published folder, "+
					"and leave _redirects and _headers above it: their rules always name whole pathnames")
		}
	}
}

func (w *wrangler) runWorkerFirst(n *tree.Node, routing *bundle.Routing) {
	switch first := n.Value.(type) {
	case nil:
	case bool:
		if first {
			routing.Worker = []string{"*"}
		}
	default:
		w.routePatterns(n, routing)
	}
}

// routePatterns reads a list of run_worker_first. Wrangler refuses the same patterns.
func (w *wrangler) routePatterns(n *tree.Node, routing *bundle.Routing) {
	patterns := w.texts(n)
	if len(patterns) > maxRoutePatterns {
		w.refuse(n, fmt.Sprintf("%s has %d patterns, but Cloudflare allows %d", n.Path, len(patterns), maxRoutePatterns),
			"join some with *")
		return
	}
	for i, pattern := range patterns {
		list, path := &routing.Worker, pattern
		if negative, ok := strings.CutPrefix(pattern, "!"); ok {
			list, path = &routing.Site, negative
		}
		switch {
		case !strings.HasPrefix(path, "/"):
			w.refuse(n, fmt.Sprintf("%s: %.120q does not begin with / or !/", n.Path, pattern), "write the whole pathname")
		case len(pattern) > maxRoutePatternBytes:
			w.refuse(n, fmt.Sprintf("%s: %.120q has more than %d characters", n.Path, pattern, maxRoutePatternBytes),
				"shorten it with *")
		case slices.Contains(patterns[:i], pattern):
			w.refuse(n, fmt.Sprintf("%s: %q is listed twice", n.Path, pattern), "remove one")
		}
		*list = append(*list, path)
	}
	if len(routing.Worker) == 0 {
		w.refuse(n, n.Path+" sends no pathname to the Worker",
			`name the Worker's pathnames, such as "/api/*", or write false`)
	}
	w.noticeSpelling(n, routing.Worker)
	routing.NotFound = "always"
}

// noticeSpelling reports patterns that do not match the files that they name.
func (w *wrangler) noticeSpelling(n *tree.Node, patterns []string) {
	for _, pattern := range patterns {
		if served := servedSpelling(pattern); !slices.Contains(patterns, served) {
			w.notice(n, fmt.Sprintf("%s: the files of %.120q are served at %.300q, which the pattern does not match, "+
				"so the site answers there and not the Worker", n.Path, pattern, served),
				"add the second pattern: patterns are compared with pathnames as URLs spell them, as with Static Assets")
		}
	}
}

// servedSpelling returns a pattern in the spelling of the pathnames at which the site
// serves files. Static Assets serves them there too, and redirects other spellings.
func servedSpelling(pattern string) string {
	decoded, err := url.PathUnescape(pattern)
	if err != nil {
		decoded = pattern
	}
	return manifest.EncodePathname(decoded)
}

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

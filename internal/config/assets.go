package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Wrangler's bounds for run_worker_first.
const (
	maxRoutePatterns     = 100
	maxRoutePatternBytes = 100
)

// assets reads the section of that name. It may stand before a Worker that
// another file or a flag names, so what it says of the Worker is settled later.
func (w *wrangler) assets(n *node) {
	t := w.object(n)
	w.known(t, "directory", "binding", "html_handling", "not_found_handling", "run_worker_first", "base_path")
	routing := &bundle.Routing{}
	w.out.Code.Routing = routing
	w.at("assets", n)
	for _, name := range t.names {
		switch m := t.get(name); name {
		case "directory":
			w.directory(m)
		case "html_handling":
			w.out.Serving.HTMLHandling = w.oneOf(m, htmlHandlings...)
			w.at("html-handling", m)
		case "not_found_handling":
			w.out.Serving.NotFound = w.oneOf(m, notFoundHandlings...)
			w.at("not-found", m)
		case "binding":
			if name := w.text(m); w.reserve(m, name) {
				routing.Binding = name
				w.at("assets.binding", m)
			}
		case "run_worker_first":
			w.at("assets.run_worker_first", m)
			switch first := m.value.(type) {
			case nil:
			case bool:
				if first {
					routing.Worker = []string{"*"}
				}
			default:
				w.routePatterns(m, routing)
			}
		case "base_path":
			w.refuse(m, m.path+" (a prefix of every pathname) is not supported by kv-sync",
				"have the build put the files into a folder of that name below the one that is deployed, and leave _redirects and _headers above it: their rules name whole pathnames either way")
		}
	}
}

// routePatterns reads a list of run_worker_first. What it refuses, wrangler refuses too.
func (w *wrangler) routePatterns(n *node, routing *bundle.Routing) {
	patterns := w.texts(n)
	if len(patterns) > maxRoutePatterns {
		w.refuse(n, fmt.Sprintf("%s has %d patterns, Cloudflare takes %d", n.path, len(patterns), maxRoutePatterns), "join some with *")
		return
	}
	for i, pattern := range patterns {
		list, path := &routing.Worker, pattern
		if negative, ok := strings.CutPrefix(pattern, "!"); ok {
			list, path = &routing.Site, negative
		}
		switch {
		case !strings.HasPrefix(path, "/"):
			w.refuse(n, fmt.Sprintf("%s: %.120q does not begin with / or !/", n.path, pattern), "write the pathname from its beginning")
		case len(pattern) > maxRoutePatternBytes:
			w.refuse(n, fmt.Sprintf("%s: %.120q has more than %d characters", n.path, pattern, maxRoutePatternBytes), "shorten it with *")
		case slices.Contains(patterns[:i], pattern):
			w.refuse(n, fmt.Sprintf("%s: %q is there twice", n.path, pattern), "take one away")
		}
		*list = append(*list, path)
	}
	if len(routing.Worker) == 0 {
		w.refuse(n, n.path+" sends no pathname to the Worker", `name those that it gets, for instance "/api/*", or write false`)
	}
	for _, pattern := range routing.Worker {
		if served := servedSpelling(pattern); !slices.Contains(routing.Worker, served) {
			w.notice(n, fmt.Sprintf("%s: files that %.120q names are served at %.300q, which it does not match, so the site answers there and not the Worker", n.path, pattern, served),
				"add the second one: patterns are compared with pathnames as URLs spell them, as with Static Assets")
		}
	}
	routing.NotFound = "always"
}

// servedSpelling is a pattern as the pathnames are spelt under which the site
// serves files. Static Assets serve them so too, and redirect other spellings there.
func servedSpelling(pattern string) string {
	decoded, err := url.PathUnescape(pattern)
	if err != nil {
		decoded = pattern
	}
	return kvsync.EncodePathname(decoded)
}

// settleRetire says where patterns of files to retire have no effect.
func (l *loader) settleRetire() {
	s := l.s
	where := s.origins["retire"]
	if len(s.Retire) == 0 || where.place != ProjectFile { // the file that projects share may mean others
		return
	}
	switch {
	case s.Layout == layoutKVAssets, s.Layout == "pathname" && s.Project != "":
		l.errors = append(l.errors, where.problem(fmt.Sprintf("the layout %q keeps no removed file reachable", s.Layout), `take retire out, or use the layout "content"`))
	case s.Code.Main == "":
		l.notices = append(l.notices, where.problem("retire has no effect: there is no code that gets requests, so every removed file stays reachable for open tabs", "take it out"))
	}
}

// What the platform calls whether not_found_handling comes before the Worker
// for the navigation requests of browsers, and from when it does.
// Source: https://developers.cloudflare.com/workers/configuration/compatibility-flags/
const (
	navigationByDefault = "2025-04-01"
	navigationToAssets  = "assets_navigation_prefers_asset_serving"
	navigationNoEffect  = "assets_navigation_has_no_effect"
)

// settleRouting looks at what the "assets" of a wrangler file says of the Worker,
// when all else is known.
func (l *loader) settleRouting() {
	s := l.s
	routing := s.Code.Routing
	if routing == nil {
		return
	}
	first, ordered := s.origins["assets.run_worker_first"]
	switch flags := s.Worker.CompatibilityFlags; {
	case s.Project != "":
		s.Code.Routing = nil
		if routing.Binding != "" && routing.Binding != "ASSETS" {
			l.errors = append(l.errors, s.origins["assets.binding"].problem("a project's code gets its assets from its loader, as env.ASSETS", `name the binding "ASSETS"`))
		}
		if ordered {
			l.notices = append(l.notices, first.problem("run_worker_first is not used: a project's code gets every request that its loader passes on", ""))
		}
	case s.Code.Main == "":
		s.Code.Routing = nil
		if routing.Binding != "" || len(routing.Worker) > 0 {
			l.notices = append(l.notices, s.origins["assets"].problem("assets has a binding or run_worker_first, and there is no Worker that they could be for",
				`take them out, or name the Worker's file in "main"`))
		}
	case s.Serving.NotFound == "":
		// Where nobody asks for it, the Worker answers what is not there.
		routing.NotFound = ""
	case routing.NotFound == "" && !slices.Contains(flags, navigationNoEffect) &&
		(s.Worker.CompatibilityDate >= navigationByDefault || slices.Contains(flags, navigationToAssets)):
		routing.NotFound = "navigation"
	}
}

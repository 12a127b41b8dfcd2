package wrangler

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/bundle"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Limits of wrangler for run_worker_first.
const (
	MaxRoutePatterns     = 100
	MaxRoutePatternBytes = 100
)

// assets reads the section "assets". finishRouting completes the routing later, because a
// flag may name the Worker.
func (w *reader) assets(n *tree.Node) {
	t := w.Object(n)
	w.RefuseUnknown(t, "directory", "binding", "html_handling", "not_found_handling", "run_worker_first", "base_path")
	routing := &bundle.Routing{}
	w.out.Code.Routing = routing
	w.record("assets", n)
	for _, name := range t.Names {
		switch m := t.Get(name); name {
		case "directory":
			w.directory(m)
		case "html_handling":
			w.out.Serving.HTMLHandling = w.OneOf(m, HTMLHandlings...)
			w.record("html-handling", m)
		case "not_found_handling":
			w.out.Serving.NotFound = w.OneOf(m, NotFoundHandlings...)
			w.record("not-found", m)
		case "binding":
			if name := w.Text(m); w.reserve(m, name) {
				routing.Binding = name
				w.record("assets.binding", m)
			}
		case "run_worker_first":
			w.record("assets.run_worker_first", m)
			w.runWorkerFirst(m, routing)
		case "base_path":
			w.Refuse(m, m.Path+" (a prefix of every pathname) is not supported by kv-sync",
				"let the build write the files into a folder of that name below the published folder, "+
					"and leave _redirects and _headers above it: their rules always name whole pathnames")
		}
	}
}

func (w *reader) runWorkerFirst(n *tree.Node, routing *bundle.Routing) {
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
func (w *reader) routePatterns(n *tree.Node, routing *bundle.Routing) {
	patterns := w.Texts(n)
	if len(patterns) > MaxRoutePatterns {
		w.Refuse(n, fmt.Sprintf("%s has %d patterns, but Cloudflare allows %d", n.Path, len(patterns), MaxRoutePatterns),
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
			w.Refuse(n, fmt.Sprintf("%s: %.120q does not begin with / or !/", n.Path, pattern), "write the whole pathname")
		case len(pattern) > MaxRoutePatternBytes:
			w.Refuse(n, fmt.Sprintf("%s: %.120q has more than %d characters", n.Path, pattern, MaxRoutePatternBytes),
				"shorten it with *")
		case slices.Contains(patterns[:i], pattern):
			w.Refuse(n, fmt.Sprintf("%s: %q is listed twice", n.Path, pattern), "remove one")
		}
		*list = append(*list, path)
	}
	if len(routing.Worker) == 0 {
		w.Refuse(n, n.Path+" sends no pathname to the Worker",
			`name the Worker's pathnames, such as "/api/*", or write false`)
	}
	w.noticeSpelling(n, routing.Worker)
	routing.NotFound = "always"
}

// noticeSpelling reports patterns that do not match the files that they name.
func (w *reader) noticeSpelling(n *tree.Node, patterns []string) {
	for _, pattern := range patterns {
		if served := servedSpelling(pattern); !slices.Contains(patterns, served) {
			w.Notice(n, fmt.Sprintf("%s: the files of %.120q are served at %.300q, which the pattern does not match, "+
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

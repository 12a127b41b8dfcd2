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
func (r *reader) assets(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "directory", "binding", "html_handling", "not_found_handling", "run_worker_first", "base_path")
	routing := &bundle.Routing{}
	r.out.Code.Routing = routing
	r.record("assets", n)
	for _, name := range t.Names {
		switch m := t.Get(name); name {
		case "directory":
			r.directory(m)
		case "html_handling":
			r.out.Serving.HTMLHandling = r.OneOf(m, HTMLHandlings...)
			r.record("html-handling", m)
		case "not_found_handling":
			r.out.Serving.NotFound = r.OneOf(m, NotFoundHandlings...)
			r.record("not-found", m)
		case "binding":
			if name := r.Text(m); r.reserve(m, name) {
				routing.Binding = name
				r.record("assets.binding", m)
			}
		case "run_worker_first":
			r.record("assets.run_worker_first", m)
			r.runWorkerFirst(m, routing)
		case "base_path":
			r.Refuse(m, m.Path+" (a prefix of every pathname) is not supported by kv-sync",
				"let the build write the files into a folder of that name below the published folder, "+
					"and leave _redirects and _headers above it: their rules always name whole pathnames")
		}
	}
}

func (r *reader) runWorkerFirst(n *tree.Node, routing *bundle.Routing) {
	switch first := n.Value.(type) {
	case nil:
	case bool:
		if first {
			routing.Worker = []string{"*"}
		}
	default:
		r.routePatterns(n, routing)
	}
}

// routePatterns reads a list of run_worker_first. Wrangler refuses the same patterns.
func (r *reader) routePatterns(n *tree.Node, routing *bundle.Routing) {
	patterns := r.Texts(n)
	if len(patterns) > MaxRoutePatterns {
		r.Refuse(n, fmt.Sprintf("%s has %d patterns, but Cloudflare allows %d", n.Path, len(patterns), MaxRoutePatterns),
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
			r.Refuse(n, fmt.Sprintf("%s: %.120q does not begin with / or !/", n.Path, pattern), "write the whole pathname")
		case len(pattern) > MaxRoutePatternBytes:
			r.Refuse(n, fmt.Sprintf("%s: %.120q has more than %d characters", n.Path, pattern, MaxRoutePatternBytes),
				"shorten it with *")
		case slices.Contains(patterns[:i], pattern):
			r.Refuse(n, fmt.Sprintf("%s: %q is listed twice", n.Path, pattern), "remove one")
		}
		*list = append(*list, path)
	}
	if len(routing.Worker) == 0 {
		r.Refuse(n, n.Path+" sends no pathname to the Worker",
			`name the Worker's pathnames, such as "/api/*", or write false`)
	}
	r.noticeSpelling(n, routing.Worker)
	routing.NotFound = "always"
}

// noticeSpelling reports patterns that do not match the files that they name.
func (r *reader) noticeSpelling(n *tree.Node, patterns []string) {
	for _, pattern := range patterns {
		if served := servedSpelling(pattern); !slices.Contains(patterns, served) {
			r.Notice(n, fmt.Sprintf("%s: the files of %.120q are served at %.300q, which the pattern does not match, "+
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

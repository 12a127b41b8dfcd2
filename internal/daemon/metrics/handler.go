package metrics

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// patience is how much longer than a build a site may be at one thing before
// /healthz calls it stuck: a first upload of a large site takes its time.
const patience = time.Hour

// Handler serves /metrics and /healthz of the sites, to GET and HEAD, and is not
// found at any other path. healthy says why the daemon as a whole cannot work, for
// example that its state folder cannot be written; nil is well. Both are asked
// anew for each request. build is the longest that a site's build may take.
//
// It is called once: the sites join the metrics.
func (m *Metrics) Handler(sites Statuses, healthy func() error, build time.Duration) http.Handler {
	m.registry.MustRegister(snapshot{sites})
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry:           m.registry,
		DisableCompression: true, // some kilobytes, over loopback
	})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", scrape) // GET is HEAD, too; others get 405 with Allow
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		problems := stuck(sites.Statuses(), time.Now(), build+patience)
		if err := healthy(); err != nil {
			problems = append([]string{err.Error()}, problems...)
		}
		if len(problems) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Join(problems, "\n")+"\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

var _ prometheus.Collector = snapshot{}

// stuck names the sites at which something has been under way for too long, and
// those whose lane has not woken when it was to. A site that is held, refused or to
// be tried again may be so for years: that is for an alert to say and no reason to
// restart the daemon.
func stuck(sites []daemon.Status, now time.Time, limit time.Duration) []string {
	var out []string
	for _, s := range sites {
		since, doing := s.Next, "not looked at, though it was to be,"
		switch s.Phase {
		case daemon.PhaseFetch, daemon.PhaseBuild, daemon.PhaseDeploy, daemon.PhaseRollback:
			since, doing = s.Since, string(s.Phase)
		}
		if took := now.Sub(since); took > limit && !since.IsZero() {
			out = append(out, fmt.Sprintf("site %s is stuck: %s for %s", s.Name, doing, took.Round(time.Minute)))
		}
	}
	return out
}

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

// grace is added to the longest build timeout. If one phase lasts longer than that, /healthz
// reports the site as stuck. It is long, because the first upload of a large site is slow.
const grace = time.Hour

// Handler serves /metrics and /healthz to GET and HEAD, and answers 404 at any other
// path. healthy returns an error if the daemon cannot work, for example because its state
// folder is not writable. sites and healthy are called for each request. build is the longest
// build timeout of any site.
//
// Call it once: it registers the sites with the metrics.
func (m *Metrics) Handler(sites Statuses, healthy func() error, build time.Duration) http.Handler {
	problems := func() []string {
		out := stuck(sites.Statuses(), time.Now(), build+grace)
		if err := healthy(); err != nil {
			out = append([]string{err.Error()}, out...)
		}
		return out
	}
	m.registry.MustRegister(snapshot{sites, problems})
	scrape := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry:           m.registry,
		DisableCompression: true, // a few kilobytes over loopback
	})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", scrape) // GET includes HEAD; other methods get 405
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if list := problems(); len(list) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Join(list, "\n")+"\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

var _ prometheus.Collector = snapshot{}

// stuck lists the sites whose current phase lasts too long, and those whose poll is
// overdue. A site may be held, refused or waiting for any time: alerts report that, and it
// is not a reason to restart the daemon.
func stuck(sites []daemon.Status, now time.Time, limit time.Duration) []string {
	var out []string
	for _, s := range sites {
		since, doing := s.Next, "its poll is overdue"
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

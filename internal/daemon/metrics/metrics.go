package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
)

// Metrics counts the daemon's events.
type Metrics struct {
	registry   *prometheus.Registry
	runs       *prometheus.CounterVec
	runTime    *prometheus.HistogramVec
	fetches    *prometheus.CounterVec
	fetchTime  prometheus.Histogram
	deliveries *prometheus.CounterVec
}

var _ daemon.Observer = (*Metrics)(nil)

// Every outcome and phase is a series from the start, so that rate() sees the first
// event.
var (
	outcomes = []daemon.Outcome{
		daemon.OutcomeDeployed, daemon.OutcomeRolledBack, daemon.OutcomeNoChange, daemon.OutcomeHeld,
		daemon.OutcomeRefused, daemon.OutcomeFailed, daemon.OutcomeInterrupted,
	}
	phases = []daemon.Phase{
		daemon.PhaseIdle, daemon.PhaseFetch, daemon.PhaseBuild, daemon.PhaseDeploy, daemon.PhaseRollback,
		daemon.PhaseRetry, daemon.PhaseHeld, daemon.PhaseRefused,
	}
)

// New returns the counters of the named sites. version is the program's.
func New(version string, sites ...string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kv_sync_runs_total",
			Help: "Attempts to deploy a commit or to roll back, by how they ended.",
		}, []string{"site", "outcome"}),
		runTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kv_sync_run_duration_seconds",
			Help:    "How long attempts took, builds included.",
			Buckets: []float64{0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800},
		}, []string{"outcome"}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kv_sync_fetches_total",
			Help: "Fetches from the remote, by whether they succeeded.",
		}, []string{"site", "result"}),
		fetchTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "kv_sync_fetch_duration_seconds",
			Help:    "How long fetches took, those that failed included.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300},
		}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kv_sync_webhook_deliveries_total",
			Help: "Webhook deliveries, by forge and result.",
		}, []string{"forge", "result"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "kv_sync_build_info",
		Help:        "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(m.runs, m.runTime, m.fetches, m.fetchTime, m.deliveries, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	for _, s := range sites {
		for _, o := range outcomes {
			m.runs.WithLabelValues(s, string(o))
		}
		for _, r := range []string{fetchOK, fetchFailed} {
			m.fetches.WithLabelValues(s, r)
		}
	}
	for _, f := range webhook.ForgeNames() {
		for _, r := range webhook.Results {
			m.deliveries.WithLabelValues(f, string(r))
		}
	}
	return m
}

const (
	fetchOK     = "ok"
	fetchFailed = "failed"
)

// Ran counts a run.
func (m *Metrics) Ran(site string, r daemon.Run) {
	m.runs.WithLabelValues(site, string(r.Outcome)).Inc()
	m.runTime.WithLabelValues(string(r.Outcome)).Observe(r.Duration.Seconds())
}

// Fetched counts a fetch.
func (m *Metrics) Fetched(site string, took time.Duration, err error) {
	result := fetchOK
	if err != nil {
		result = fetchFailed
	}
	m.fetches.WithLabelValues(site, result).Inc()
	m.fetchTime.Observe(took.Seconds())
}

// Delivered counts a webhook delivery; it is [webhook.Options].Observe.
func (m *Metrics) Delivered(f webhook.Forge, r webhook.Result) {
	m.deliveries.WithLabelValues(string(f), string(r)).Inc()
}

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// Statuses is the part of [daemon.Sites] that this package needs.
type Statuses interface {
	Statuses() []daemon.Status
}

var _ Statuses = daemon.Sites(nil)

var (
	upToDate = prometheus.NewDesc("kv_sync_site_up_to_date",
		"Whether the newest commit that a fetch has brought is the one that is live.", []string{"site"}, nil)
	phase = prometheus.NewDesc("kv_sync_site_phase",
		"What is being done for the site: 1 for its phase, 0 for all others.", []string{"site", "phase"}, nil)
	phaseSince = prometheus.NewDesc("kv_sync_site_phase_start_timestamp_seconds",
		"When the site's phase began, in Unix time.", []string{"site"}, nil)
	lastDeploy = prometheus.NewDesc("kv_sync_site_last_deploy_timestamp_seconds",
		"When the site was last deployed with success, in Unix time; not there if no remembered run did so.",
		[]string{"site"}, nil)
	lastFetch = prometheus.NewDesc("kv_sync_site_last_fetch_timestamp_seconds",
		"When the last successful fetch ended, in Unix time; not there before the first one.", []string{"site"}, nil)
	fetchFailures = prometheus.NewDesc("kv_sync_site_fetch_failures",
		"How many fetches have failed in a row; 0 after a successful one.", []string{"site"}, nil)
	healthyNow = prometheus.NewDesc("kv_sync_healthy", "Whether /healthz answers 200.", nil, nil)
)

// snapshot collects the statuses at a scrape.
type snapshot struct {
	sites Statuses
	// problems returns why the daemon is not healthy.
	problems func() []string
}

// Describe implements prometheus.Collector.
func (s snapshot) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upToDate, phase, phaseSince, lastDeploy, lastFetch, fetchFailures, healthyNow} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s snapshot) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.MustNewConstMetric(healthyNow, prometheus.GaugeValue, boolean(len(s.problems()) == 0))
	for _, st := range s.sites.Statuses() {
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{st.Name}, labels...)...)
		}
		gauge(upToDate, boolean(st.Head != "" && st.Head == st.Live))
		for _, p := range phases {
			gauge(phase, boolean(p == st.Phase), string(p))
		}
		if !st.Since.IsZero() {
			gauge(phaseSince, float64(st.Since.UnixMilli())/1000)
		}
		gauge(fetchFailures, float64(st.Failures))
		if !st.Fetched.IsZero() {
			gauge(lastFetch, float64(st.Fetched.UnixMilli())/1000)
		}
		for _, r := range st.Runs { // newest first
			if r.Outcome == daemon.OutcomeDeployed {
				gauge(lastDeploy, float64(r.Started.Add(r.Duration).UnixMilli())/1000)
				break
			}
		}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

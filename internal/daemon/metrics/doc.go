// Package metrics tells a monitoring system how the daemon is: /metrics in
// Prometheus' text format, and /healthz.
//
// What happened is counted as it happens ([daemon.Observer]); what is, is asked of
// the sites at each scrape, so that nothing can be forgotten to be updated.
//
// The format is github.com/prometheus/client_golang's, about 2.5 MB of the binary.
// The lighter github.com/VictoriaMetrics/metrics writes HELP lines without text
// and histograms with vmrange in place of le in the newest version that the module
// proxies give, which Prometheus cannot compute quantiles from.
package metrics

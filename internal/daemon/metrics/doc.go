// Package metrics serves the daemon's state to a monitoring system: /metrics in
// Prometheus' text format, and /healthz.
//
// Events are counted as they happen ([daemon.Observer]). Gauges are computed from the
// sites' statuses at each scrape, so that they cannot be out of date.
//
// It uses github.com/prometheus/client_golang, which adds about 2.5 MB to the binary.
// The smaller github.com/VictoriaMetrics/metrics writes HELP lines without text, and
// histograms with vmrange in place of le, from which Prometheus cannot compute
// quantiles.
package metrics

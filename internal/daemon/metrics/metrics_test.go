package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
)

// fixed returns statuses that the test sets.
type fixed []daemon.Status

func (f *fixed) Statuses() []daemon.Status { return *f }

func healthy() error { return nil }

// answer is a handler's response.
type answer struct {
	code   int
	header http.Header
	body   string
}

func get(t *testing.T, h http.Handler, method, path string) answer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return answer{w.Code, w.Header(), w.Body.String()}
}

// samples parses a scrape into "name{labels}" and value, for kv-sync's metrics that are
// not 0. A histogram has its count and its sum.
func samples(t *testing.T, text string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	out := map[string]float64{}
	for name, f := range families {
		if f.GetHelp() == "" || f.Type == nil {
			t.Errorf("%s has no help or no type", name)
		}
		if !strings.HasPrefix(name, "kv_sync_") || name == "kv_sync_build_info" {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := name + "{" + strings.Join(labels, ",") + "}"
			if h := m.GetHistogram(); h != nil {
				out[key+" count"], out[key+" sum"] = float64(h.GetSampleCount()), h.GetSampleSum()
			} else if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				out[key] = v
			}
		}
	}
	return out
}

func TestScrape(t *testing.T) {
	m := New("v1.2.3", "blog", "shop")
	at := time.Unix(1_700_000_000, 0)
	sites := fixed{
		{Name: "blog", Head: "b", Live: "b", Phase: daemon.PhaseIdle, Since: at, Fetched: at.Add(time.Minute),
			Runs: []daemon.Run{
				{Outcome: daemon.OutcomeNoChange, Started: at.Add(time.Hour)},
				{Outcome: daemon.OutcomeDeployed, Started: at, Duration: 1500 * time.Millisecond},
				{Outcome: daemon.OutcomeDeployed, Started: at.Add(-time.Hour)},
			}},
		{Name: "shop", Head: "b", Live: "a", Phase: daemon.PhaseRetry, Since: at, Failures: 3},
		{Name: "new", Phase: daemon.PhaseFetch},
	}
	h := m.Handler(&sites, healthy, 0)

	m.Ran("blog", daemon.Run{Outcome: daemon.OutcomeDeployed, Duration: 1500 * time.Millisecond})
	m.Ran("blog", daemon.Run{Outcome: daemon.OutcomeDeployed, Duration: 500 * time.Millisecond})
	m.Ran("shop", daemon.Run{Outcome: daemon.OutcomeFailed, Duration: time.Second})
	m.Fetched("blog", 250*time.Millisecond, nil)
	m.Fetched("shop", 750*time.Millisecond, errors.New("no route"))
	m.Delivered(webhook.GitHub, webhook.Accepted)
	m.Delivered(webhook.Gitea, webhook.Unsigned)

	a := get(t, h, http.MethodGet, "/metrics")
	if a.code != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d, %s", a.code, a.header.Get("Content-Type"))
	}
	text := a.body
	want := map[string]float64{
		"kv_sync_healthy{}": 1,
		"kv_sync_site_last_fetch_timestamp_seconds{site=blog}":           1_700_000_060,
		"kv_sync_site_fetch_failures{site=shop}":                         3,
		"kv_sync_site_up_to_date{site=blog}":                             1,
		"kv_sync_site_phase{phase=idle,site=blog}":                       1,
		"kv_sync_site_phase{phase=waiting to try again,site=shop}":       1,
		"kv_sync_site_phase{phase=fetching,site=new}":                    1,
		"kv_sync_site_phase_start_timestamp_seconds{site=blog}":          1_700_000_000,
		"kv_sync_site_phase_start_timestamp_seconds{site=shop}":          1_700_000_000,
		"kv_sync_site_last_deploy_timestamp_seconds{site=blog}":          1_700_000_001.5,
		"kv_sync_runs_total{outcome=deployed,site=blog}":                 2,
		"kv_sync_runs_total{outcome=failed,site=shop}":                   1,
		"kv_sync_run_duration_seconds{outcome=deployed} count":           2,
		"kv_sync_run_duration_seconds{outcome=deployed} sum":             2,
		"kv_sync_run_duration_seconds{outcome=failed} count":             1,
		"kv_sync_run_duration_seconds{outcome=failed} sum":               1,
		"kv_sync_fetches_total{result=ok,site=blog}":                     1,
		"kv_sync_fetches_total{result=failed,site=shop}":                 1,
		"kv_sync_fetch_duration_seconds{} count":                         2,
		"kv_sync_fetch_duration_seconds{} sum":                           1,
		"kv_sync_webhook_deliveries_total{forge=github,result=accepted}": 1,
		"kv_sync_webhook_deliveries_total{forge=gitea,result=unsigned}":  1,
	}
	if d := cmp.Diff(want, samples(t, text)); d != "" {
		t.Error(d)
	}
	for _, line := range []string{
		`kv_sync_build_info{goversion="go1.`,
		`version="v1.2.3"} 1`,
		`kv_sync_site_up_to_date{site="shop"} 0`, // zeros are exported
		`kv_sync_runs_total{outcome="failed",site="blog"} 0`,
		`kv_sync_webhook_deliveries_total{forge="gitlab",result="accepted"} 0`,
		`kv_sync_run_duration_seconds_bucket{outcome="deployed",le="0.5"} 1`,
		"\ngo_goroutines ",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}

	// Gauges are computed at each scrape.
	sites = sites[:1]
	sites[0].Live = "a"
	text = get(t, h, http.MethodGet, "/metrics").body
	got := samples(t, text)
	if got["kv_sync_site_up_to_date{site=blog}"] != 0 ||
		strings.Contains(text, `kv_sync_site_phase{phase="idle",site="shop"}`) {
		t.Errorf("the second scrape has the first one's sites:\n%s", text)
	}
}

// Every phase and outcome of the daemon is a series from the start.
func TestAllSeriesExist(t *testing.T) {
	source, err := os.ReadFile("../status.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	constant := regexp.MustCompile(`(?m)^\t(?:Phase|Outcome)\w+ +(Phase|Outcome) = "(.*)"`)
	for _, m := range constant.FindAllStringSubmatch(string(source), -1) {
		want = append(want, m[1]+" "+m[2])
	}
	for _, p := range phases {
		got = append(got, "Phase "+string(p))
	}
	for _, o := range outcomes {
		got = append(got, "Outcome "+string(o))
	}
	if d := cmp.Diff(want, got); d != "" || len(want) < 10 {
		t.Error(d, len(want))
	}
}

func TestHealth(t *testing.T) {
	now := time.Now()
	sites := fixed{
		{Name: "held", Phase: daemon.PhaseHeld, Since: now.Add(-1000 * time.Hour), Next: now.Add(time.Minute)},
		{Name: "refused", Phase: daemon.PhaseRefused, Since: now.Add(-1000 * time.Hour)},
		{Name: "retry", Phase: daemon.PhaseRetry, Since: now.Add(-1000 * time.Hour), Next: now.Add(time.Minute)},
		{Name: "idle", Phase: daemon.PhaseIdle, Since: now.Add(-1000 * time.Hour), Next: now.Add(-179 * time.Minute)},
		{Name: "building", Phase: daemon.PhaseBuild, Since: now.Add(-179 * time.Minute), Next: now.Add(-1000 * time.Hour)},
		{Name: "fresh", Phase: daemon.PhaseFetch},
	}
	var problem error
	h := New("").Handler(&sites, func() error { return problem }, 2*time.Hour)
	check := func(code int, text string) {
		t.Helper()
		a := get(t, h, http.MethodGet, "/healthz")
		if a.code != code || a.body != text || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %q, not %d %q", a.code, a.body, code, text)
		}
	}
	check(http.StatusOK, "ok\n")

	problem = errors.New("the state folder cannot be written: free some space")
	check(http.StatusServiceUnavailable, "the state folder cannot be written: free some space\n")

	problem = nil
	for _, p := range []daemon.Phase{daemon.PhaseFetch, daemon.PhaseBuild, daemon.PhaseDeploy, daemon.PhaseRollback} {
		sites[4].Phase, sites[4].Since = p, now.Add(-181*time.Minute)
		check(http.StatusServiceUnavailable, fmt.Sprintf("site building is stuck: %s for 3h1m0s\n", p))
	}
	sites = sites[:4]
	sites[3].Next = now.Add(-181 * time.Minute)
	check(http.StatusServiceUnavailable, "site idle is stuck: its poll is overdue for 3h1m0s\n")
}

func TestMethods(t *testing.T) {
	h := New("").Handler(&fixed{}, healthy, 0)
	for _, path := range []string{"/metrics", "/healthz"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if a := get(t, h, method, path); a.code != http.StatusOK || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %d", method, path, a.code)
			}
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
			if a := get(t, h, method, path); a.code != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow: %s", method, path, a.code, a.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/", "/github", "/metrics/", "/healthz/x"} {
		if a := get(t, h, http.MethodGet, path); a.code != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.code)
		}
	}
}

// docs/daemon.md lists exactly the metrics, with their types, labels and label values.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(kv_sync_\\w+)` \\| (\\w+) \\|(.*?)\\|").FindAllStringSubmatch(section,
		-1) {
		documented[m[1]] = strings.TrimSpace(m[2] + " " + strings.NewReplacer("`", "", ",", "").Replace(m[3]))
	}

	m := New("v", "blog")
	m.Ran("blog", daemon.Run{Outcome: daemon.OutcomeDeployed})
	sites := &fixed{{Name: "blog", Since: time.Now(), Fetched: time.Now(),
		Runs: []daemon.Run{{Outcome: daemon.OutcomeDeployed}}}}
	h := m.Handler(sites, healthy, 0)
	scraped := get(t, h, http.MethodGet, "/metrics").body
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scraped))
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]string{}
	for name, f := range families {
		if strings.HasPrefix(name, "kv_sync_") {
			words := []string{strings.ToLower(f.GetType().String())}
			for _, l := range f.GetMetric()[0].GetLabel() {
				words = append(words, l.GetName())
			}
			exported[name] = strings.Join(words, " ")
		}
	}
	for name, words := range documented { // in any order
		a, b := strings.Fields(words), strings.Fields(exported[name])
		slices.Sort(a)
		slices.Sort(b)
		documented[name], exported[name] = strings.Join(a, " "), strings.Join(b, " ")
	}
	if d := cmp.Diff(documented, exported); d != "" {
		t.Error(d)
	}
	for _, name := range regexp.MustCompile(`kv_sync_\w+`).FindAllString(section, -1) {
		if exported[name] == "" {
			t.Errorf("%s is documented but not exported", name)
		}
	}
	var values []string
	for _, p := range phases {
		values = append(values, string(p))
	}
	for _, o := range outcomes {
		values = append(values, string(o))
	}
	for _, r := range webhook.Results {
		values = append(values, string(r))
	}
	for _, v := range values {
		if !strings.Contains(section, "`"+v+"`") {
			t.Errorf("%q is not documented", v)
		}
	}
}

// Counting and scraping run concurrently, for the race detector.
func TestConcurrent(t *testing.T) {
	m := New("", "blog")
	h := m.Handler(&fixed{{Name: "blog"}}, healthy, 0)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				m.Ran("blog", daemon.Run{Outcome: daemon.OutcomeDeployed})
				m.Fetched("blog", time.Second, nil)
				m.Delivered(webhook.GitHub, webhook.Accepted)
			}
			get(t, h, http.MethodGet, "/metrics")
		})
	}
	group.Wait()
	text := get(t, h, http.MethodGet, "/metrics").body
	if n := samples(t, text)["kv_sync_runs_total{outcome=deployed,site=blog}"]; n != 400 {
		t.Errorf("%v runs", n)
	}
}

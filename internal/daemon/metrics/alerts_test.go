package metrics

import (
	"errors"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
)

// scenario changes a daemon without problems, between two scrapes.
type scenario func(sites fixed, m *Metrics, problem *error) (scraped bool)

// Each alert of docs/daemon.md fires in its scenario, and none fires without a problem.
func TestAlerts(t *testing.T) {
	scenarios := map[string]scenario{
		"DaemonDown": func(fixed, *Metrics, *error) bool { return false },
		"DaemonUnhealthy": func(_ fixed, _ *Metrics, problem *error) bool {
			*problem = errors.New("no space left on device")
			return true
		},
		"SiteNotFetched": func(sites fixed, _ *Metrics, _ *error) bool {
			sites[0].Phase, sites[0].Failures = daemon.PhaseRetry, 1000 // the last fetched commit is live
			return true
		},
		"SiteBehind": func(sites fixed, _ *Metrics, _ *error) bool {
			sites[0].Phase, sites[0].Head = daemon.PhaseRetry, "newer" // as with a deploy that fails
			return true
		},
		"SiteRefused": func(sites fixed, _ *Metrics, _ *error) bool {
			sites[0].Phase = daemon.PhaseRefused
			return true
		},
		"WebhooksUnsigned": func(_ fixed, m *Metrics, _ *error) bool {
			for range 11 {
				m.Delivered(webhook.GitHub, webhook.Unsigned)
			}
			return true
		},
	}
	alerts := documentedAlerts(t)
	for name := range scenarios {
		if alerts[name] == "" {
			t.Errorf("the alert %s is not documented", name)
		}
	}
	for name, expr := range alerts {
		t.Run(name, func(t *testing.T) {
			happen := scenarios[name]
			if happen == nil {
				t.Fatal("it has no scenario")
			}
			now := time.Now()
			m, problem := New("v", "blog", "shop"), error(nil)
			sites := fixed{
				{Name: "blog", Head: "a", Live: "a", Phase: daemon.PhaseIdle, Since: now, Fetched: now},
				{Name: "shop", Head: "b", Live: "a", Phase: daemon.PhaseHeld, Since: now, Fetched: now},
			}
			h := m.Handler(&sites, func() error { return problem }, 0)
			before := scrape(t, get(t, h, http.MethodGet, "/metrics").body)
			if fires(t, expr, before, before) {
				t.Errorf("%s fires without a problem", expr)
			}
			var after series
			if happen(sites, m, &problem) {
				after = scrape(t, get(t, h, http.MethodGet, "/metrics").body)
			}
			if !fires(t, expr, before, after) {
				t.Errorf("%s does not fire", expr)
			}
		})
	}
}

// documentedAlerts returns the expressions of the alerts by their names.
func documentedAlerts(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/daemon.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```yaml\ngroups:")
	block, _, _ = strings.Cut(block, "```")
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct{ Alert, Expr, For string }
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader("groups:" + block))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			out[r.Alert] = r.Expr
			if _, err := model.ParseDuration(r.For); r.For != "" && err != nil {
				t.Errorf("%s: for is %q", r.Alert, r.For)
			}
		}
	}
	return out
}

// series are samples by name and labels.
type series []sample

type sample struct {
	name   string
	labels map[string]string
	value  float64
}

func scrape(t *testing.T, text string) series {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out series
	for name, f := range families {
		for _, m := range f.GetMetric() {
			s := sample{name, map[string]string{}, m.GetCounter().GetValue() + m.GetGauge().GetValue()}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			out = append(out, s)
		}
	}
	return out
}

// The forms of expressions that this test can evaluate.
var (
	selector  = `(\w+)(?:\{(\w+)="([^"]*)"\})?`
	absent    = regexp.MustCompile(`^absent\(` + selector + `\)$`)
	increase  = regexp.MustCompile(`^increase\(` + selector + `\[\w+\]\) > (\d+)$`)
	condition = regexp.MustCompile(`^` + selector + ` (==|>) (\d+)$`)
)

// pick returns the samples that a selector matches.
func (s series) pick(match []string) (out series) {
	for _, v := range s {
		if v.name == match[0] && (match[1] == "" || v.labels[match[1]] == match[2]) {
			out = append(out, v)
		}
	}
	return out
}

// fires evaluates an expression. before and after are scrapes at the ends of a range.
func fires(t *testing.T, expr string, before, after series) bool {
	t.Helper()
	number := func(s string) float64 {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if m := absent.FindStringSubmatch(expr); m != nil {
		return len(after.pick(m[1:])) == 0
	}
	if m := increase.FindStringSubmatch(expr); m != nil {
		old, grew := before.pick(m[1:]), false
		for _, v := range after.pick(m[1:]) {
			for _, o := range old {
				same := v.labels["forge"] == o.labels["forge"]
				grew = grew || same && v.value-o.value > number(m[4])
			}
		}
		return grew
	}
	// A condition is the sites for which it holds.
	holds := func(expr string) map[string]bool {
		m := condition.FindStringSubmatch(expr)
		if m == nil {
			t.Fatalf("this test cannot evaluate %q", expr)
		}
		out := map[string]bool{}
		for _, v := range after.pick(m[1:]) {
			if m[4] == "==" && v.value == number(m[5]) || m[4] == ">" && v.value > number(m[5]) {
				out[v.labels["site"]] = true
			}
		}
		return out
	}
	left, right, exceptions := strings.Cut(expr, " unless on (site) ")
	sites := holds(left)
	if exceptions {
		for site := range holds(right) {
			delete(sites, site)
		}
	}
	return len(sites) > 0
}

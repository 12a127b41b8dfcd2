package routing

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// This package reads _redirects and _headers like worker/, whose tests write rule-files.json.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/project/rule-files.json")
	if err != nil {
		t.Fatal(err)
	}
	type problem struct {
		Line        int
		Reason, Fix string
	}
	var vectors []struct {
		Kind     string
		HTML     string `json:"html_handling"`
		Text     []byte
		Rules    json.RawMessage
		Problems []problem
		Notices  []problem
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 600 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	quoted := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	for _, v := range vectors {
		var got, want any
		var found, noticed []manifest.Problem
		if v.Kind == "redirects" {
			var rules []manifest.Redirect
			err = json.Unmarshal(v.Rules, &rules)
			want = rules
			parsed := ParseRedirects("_redirects", v.Text, v.HTML)
			got, found, noticed = parsed.Rules, parsed.Problems, parsed.Notices
		} else {
			var rules []manifest.HeaderRule
			err = json.Unmarshal(v.Rules, &rules)
			want = rules
			got, found = ParseHeaders("_headers", v.Text)
		}
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%.200q: rules (-worker +here):\n%s", v.Text, d)
		}
		plain := func(list []manifest.Problem) (out []problem) {
			for _, p := range list {
				out = append(out, problem{p.Line, quoted.ReplaceAllString(p.Reason, `""`), p.Fix})
			}
			return out
		}
		for i := range v.Problems {
			v.Problems[i].Reason = quoted.ReplaceAllString(v.Problems[i].Reason, `""`)
		}
		if d := cmp.Diff(v.Problems, plain(found), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%.200q: problems (-worker +here):\n%s", v.Text, d)
		}
		if d := cmp.Diff(v.Notices, plain(noticed), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%.200q: notices (-worker +here):\n%s", v.Text, d)
		}
	}
}

// This package and worker/ have the limits of limits.json.
func TestLimitsVector(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/policy/limits.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Static       int `json:"static_redirects"`
		Dynamic      int `json:"dynamic_redirects"`
		RedirectLine int `json:"redirect_line_characters"`
		Rules        int `json:"header_rules"`
		HeaderLine   int `json:"header_line_characters"`
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	got := want
	got.Static, got.Dynamic, got.RedirectLine = MaxStaticRedirects, MaxDynamicRedirects, MaxRedirectLine
	got.Rules, got.HeaderLine = MaxHeaderRules, MaxHeaderLine
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("limits (-policy +here):\n%s", d)
	}
}

package kvsync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// small returns n files whose names have that many bytes and no common prefix.
func small(n, name int) files {
	out := files{}
	for i := range n {
		random := manifest.HashOf([]byte(fmt.Sprint(i))).String()
		out["/"+strings.Repeat(random, name/len(random)+1)[:name-1]] = fmt.Sprint(i % 100)
	}
	return out
}

// The plan refuses what is too large for Cloudflare, and the run writes nothing, also when it is
// repeated. The test lowers the limits, so that its sites can be small.
func TestTooLargeIsRefusedByThePlan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		limits site.Limits
		files  files
		want   finding.Case
	}{
		{"a script", site.Limits{Script: 3 << 20}, small(60_000, 16), finding.CaseScriptSize},
		{"a stored manifest", site.Limits{Value: 1 << 20}, small(10_000, 250), finding.CaseStoredSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.config.Limits, w.config.WholeEntries = tt.limits, 1<<20
			folder, commit := &memory{files: tt.files}, &memory{files: tt.files, commit: commitID(1)}
			commands := map[string]func() error{
				"plan": func() error {
					_, err := w.engine().Plan(t.Context(), folder, script, plan.Options{})
					return err
				},
				"deploy a folder": func() error { _, err := w.deploy(folder, plan.Options{}); return err },
				"again":           func() error { _, err := w.deploy(folder, plan.Options{}); return err },
				"deploy a commit": func() error { _, err := w.deploy(commit, plan.Options{}); return err },
				"upload": func() error {
					_, err := w.engine().UploadAhead(t.Context(), commit, script, plan.Options{})
					return err
				},
			}
			for command, run := range commands {
				w.p.Server.ResetRequests()
				wantCase(t, run(), guard.Size, tt.want)
				for _, r := range w.p.Server.Requests() {
					if r.Method != "GET" {
						t.Errorf("%s: %s %s was sent", command, r.Method, r.Path)
					}
				}
			}
		})
	}
}

// A site of exactly the maximum size is deployed.
func TestLargestScript(t *testing.T) {
	t.Parallel()
	w := start(t)
	src := &memory{files: small(10, 16)}
	w.mustDeploy(src)
	m := *w.manifest()
	served, err := manifest.EncodeServed(&m)
	if err != nil {
		t.Fatal(err)
	}
	size := len(served) + len(script.Modules[0].Content)
	for limit, fits := range map[int]bool{size: true, size - 1: false} {
		w := start(t)
		w.config.Limits.Script = limit
		if _, err := w.deploy(src, plan.Options{}); (err == nil) != fits {
			t.Errorf("%d bytes of %d: %v", size, limit, err)
		}
	}
}

// The manifests and the code of a project are limited by the size of a KV value.
func TestTooLargeProjectIsRefusedByThePlan(t *testing.T) {
	t.Parallel()
	data := cloud.Worker{Main: "index.js", CompatibilityDate: "2026-10-01", Modules: []cloud.Module{
		{Name: "index.js", Type: "application/javascript+module", Content: []byte("export default {}")},
		{Name: "a.txt", Type: "text/plain", Content: []byte(strings.Repeat("x", 40<<10))},
	}}
	for _, tt := range []struct {
		name   string
		value  int
		files  files
		worker cloud.Worker
		want   finding.Case
	}{
		{"the served manifest", 62 << 10, small(1000, 9), cloud.Worker{}, finding.CaseServedSize},
		{"the stored manifest", 62 << 10, small(1000, 100), cloud.Worker{}, finding.CaseStoredSize},
		{"the code", 64 << 10, small(10, 16), data, finding.CaseCodeSize},
	} {
		w := start(t)
		w.config.Site, w.config.Project, w.config.Limits.Value = "", "shop", tt.value
		for range 2 {
			w.p.Server.ResetRequests()
			_, err := w.engine().Deploy(t.Context(), &memory{files: tt.files}, tt.worker, plan.Options{})
			wantCase(t, err, guard.Size, tt.want)
			if slices.ContainsFunc(w.p.Server.Requests(), func(r platform.Request) bool { return r.Method != "GET" }) {
				t.Errorf("%s: something was written", tt.name)
			}
		}
	}
}

package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// With Workers Caching, the second response comes from the cache. A deploy and a rollback are
// visible immediately.
func TestEdgeCache(t *testing.T) {
	site := t.TempDir()
	v := &victim{t: t, repo: site, p: platformtest.Start(t)}
	page := filepath.Join(site, "public", "index.html")
	ask := func() string {
		t.Helper()
		a, err := get(v.p.SiteURL("victim") + "/")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(a.status[:3], " ", a.body, " ", a.header.Get("Cf-Cache-Status"))
	}
	want := func(answers ...string) {
		t.Helper()
		for _, want := range answers {
			if got := ask(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	write(t, page, "zero")
	v.mustRun("deploy")
	want("200 zero ", "200 zero ") // caching is off by default

	write(t, filepath.Join(site, "kv-sync.toml"), "edge-cache = 3600\n")
	v.mustRun("deploy") // the page is the same
	want("200 zero MISS", "200 zero HIT")

	write(t, page, "one")
	v.mustRun("deploy")
	want("200 one MISS", "200 one HIT")
	v.mustRun("rollback")
	want("200 zero HIT") // each version has its own cache

	write(t, filepath.Join(site, "wrangler.json"),
		`{"name": "victim", "cache": {"enabled": true, "cross_version_cache": true}}`)
	if out, err := v.command("deploy").CombinedOutput(); err == nil {
		t.Errorf("cross_version_cache was accepted:\n%s", out)
	}
}

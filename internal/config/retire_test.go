package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/config/wrangler"
)

func TestRetire(t *testing.T) {
	code := map[string]string{"wrangler.toml": "main = \"w.js\"\ncompatibility_date = \"2026-01-01\"\n", "w.js": ""}
	many := strings.Builder{}
	for i := range wrangler.MaxRoutePatterns + 1 {
		fmt.Fprintf(&many, "\"/%d\",", i)
	}
	for _, tt := range []struct {
		own              string
		code             bool
		want             []string
		refused, noticed string
	}{
		{own: ``, code: true},
		{own: `retire = ["/assets/*", "/logo.svg"]`, code: true, want: []string{"/assets/*", "/logo.svg"}},
		{own: `retire = "/assets/*"`, code: true, want: []string{"/assets/*"}},
		{
			own: `retire = ["/a"]`, want: []string{"/a"}, noticed: "kv-sync.toml:1: retire has no effect: no code gets requests",
		},
		{
			own: `retire = ["assets/*"]`, code: true,
			refused: `kv-sync.toml:1: retire is "assets/*"; "assets/*" does not begin with /`,
		},
		{own: `retire = ["/a", "!/a/b"]`, code: true, refused: `"!/a/b" does not begin with /`},
		{own: `retire = ["/a", "/a"]`, code: true, refused: `"/a" is listed twice`},
		{
			own: `retire = ["/` + strings.Repeat("a", wrangler.MaxRoutePatternBytes) + `"]`, code: true,
			refused: "more than 100 characters",
		},
		{own: `retire = [` + many.String() + `]`, code: true, refused: "at most 100 patterns"},
		{
			own: "layout = \"kv-assets\"\nretire = [\"/a\"]", code: true,
			refused: `kv-sync.toml:2: the layout "kv-assets" keeps no removed file reachable`,
		},
		{
			own: "layout = \"pathname\"\nproject = \"p\"\nretire = [\"/a\"]", code: true,
			refused: `kv-sync.toml:3: the layout "pathname" keeps no removed file reachable`,
		},
	} {
		files := map[string]string{"kv-sync.toml": tt.own}
		if tt.code {
			for name, text := range code {
				files[name] = text
			}
		}
		s, notices, err := Load(Inputs{Root: project(t, siteFiles(files))})
		if tt.refused != "" {
			if err == nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%s: error %v, want %q", tt.own, err, tt.refused)
			}
			continue
		}
		var said []string
		for _, n := range notices {
			said = append(said, n.String())
		}
		if err != nil || !slices.Equal(s.Retire, tt.want) || !strings.Contains(strings.Join(said, "\n"), tt.noticed) {
			t.Errorf("%s: %v, %v, notices %q", tt.own, s, err, said)
		}
	}
}

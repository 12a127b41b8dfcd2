package config

import (
	"strings"
	"testing"
)

// Either file can enable Workers Caching. It sets the time in the manifest and the member
// of the upload.
func TestEdgeCache(t *testing.T) {
	const on, off = `{"enabled":true}`, `{"enabled":false}`
	for name, tc := range map[string]struct {
		wrangler, own string
		seconds       int
		options       string
	}{
		"nothing":       {``, ``, 0, ``},
		"wrangler":      {`{"enabled": true}`, ``, 86400, on},
		"wrangler, off": {`{"enabled": false}`, ``, 0, off},
		"of each version": {
			`{"enabled": true, "cross_version_cache": false}`, ``, 86400, `{"cross_version_cache":false,"enabled":true}`,
		},
		"a time":                           {``, `edge-cache = 60`, 60, on},
		"a time as text":                   {``, `edge-cache = "60"`, 60, on},
		"wrangler, and a time":             {`{"enabled": true}`, `edge-cache = 3600`, 3600, on},
		"kv-sync.toml has precedence":      {`{"enabled": false}`, `edge-cache = 3600`, 3600, on},
		"kv-sync.toml has precedence, off": {`{"enabled": true}`, `edge-cache = 0`, 0, off},
		"off":                              {``, `edge-cache = 0`, 0, ``},
		"on":                               {``, `edge-cache = true`, 86400, on},
		"false":                            {`{"enabled": true}`, `edge-cache = false`, 0, off},
	} {
		files := map[string]string{}
		if tc.wrangler != "" {
			files["wrangler.json"] = `{"name": "x", "cache": ` + tc.wrangler + `}`
		}
		if tc.own != "" {
			files["kv-sync.toml"] = tc.own
		}
		s, _ := mustLoad(t, Inputs{Root: project(t, siteFiles(files))})
		got := strings.ReplaceAll(string(s.Worker.Settings["cache_options"]), " ", "")
		if s.Serving.EdgeCache != tc.seconds || got != tc.options {
			t.Errorf("%s: %d seconds, cache_options %s", name, s.Serving.EdgeCache, got)
		}
	}
	for _, tc := range []struct{ file, content, want string }{
		{
			"wrangler.json", `{"name": "x", "cache": {"enabled": true, "cross_version_cache": true}}`,
			"cache.cross_version_cache would answer from the old site",
		},
		{"kv-sync.toml", `edge-cache = -1`, "write true, false, or a number of seconds"},
		{"kv-sync.toml", `edge-cache = 99999999999`, "write true, false, or a number of seconds"},
		{"kv-sync.toml", `edge-cache = "1h"`, "write true, false, or a number of seconds"},
	} {
		_, _, err := Load(Inputs{Root: project(t, siteFiles(map[string]string{tc.file: tc.content}))})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.content, err, tc.want)
		}
	}
}

// The key of Workers Caching has no host, so the cache is refused for a Worker that loads
// projects of several hosts.
func TestNoCacheWithWorkerLoader(t *testing.T) {
	const loader = `"main": "src/index.js", "compatibility_date": "2026-01-01", ` +
		`"worker_loaders": [{"binding": "LOADER"}]`
	for name, tc := range map[string]struct {
		wrangler, own, place string
	}{
		"wrangler": {wrangler: `{"name": "x", "cache": {"enabled": true}, ` + loader + `}`, place: "wrangler.json"},
		"kv-sync.toml": {
			wrangler: `{"name": "x", ` + loader + `}`, own: "edge-cache = 60\n", place: "kv-sync.toml:1",
		},
		"off": {wrangler: `{"name": "x", "cache": {"enabled": false}, ` + loader + `}`},
		"off in kv-sync.toml": {
			wrangler: `{"name": "x", "cache": {"enabled": true}, ` + loader + `}`, own: "edge-cache = false\n",
		},
		"no loader": {wrangler: `{"name": "x", "cache": {"enabled": true}}`},
	} {
		files := map[string]string{"wrangler.json": tc.wrangler, "src/index.js": "export default {}"}
		if tc.own != "" {
			files["kv-sync.toml"] = tc.own
		}
		_, _, err := Load(Inputs{Root: project(t, siteFiles(files))})
		if tc.place == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.place+": the Worker has the worker loader \"LOADER\"") &&
			!strings.Contains(err.Error(), tc.place+":1: the Worker has the worker loader \"LOADER\"") {
			t.Errorf("%s: got %v, want a refusal at %s", name, err, tc.place)
		}
	}
}

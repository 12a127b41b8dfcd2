package config

import (
	"strconv"
	"strings"
	"testing"
)

// The token goes to the API by https, and by http to this machine only.
func TestAPIAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://api.example/v4": true, "http://localhost:8787/v4": true, "http://127.0.0.1:1": true, "http://127.9.9.9": true, "http://[::1]:8787": true,
		"http://192.168.1.5": false, "http://10.0.0.1": false, "http://203.0.113.7": false, "http://[fd00::1]": false, "http://0.0.0.0": false,
		"http://localhost.example": false, "http://127.0.0.1.example": false, "http://api.example": false,
		"ftp://localhost": false, "//localhost": false, "https://": false, "https://a:b@api.example": false, "https://api.example?x=1": false, "https://api.example#x": false,
	} {
		_, _, err := Load(Inputs{Root: project(t, site(nil)), Flags: map[string]string{"api-base-url": address}})
		if (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Limits of numbers and times, at which prune would delete what is needed.
func TestBoundsOfSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key, value string
		want       bool
	}{
		{"retain", "0", false}, {"retain", "-1", false}, {"retain", "1", true}, {"retain", "100", true}, {"retain", "101", false}, {"retain", "", false},
		{"grace", "59m59s", false}, {"grace", "0", false}, {"grace", "-24h", false}, {"grace", "1h", true}, {"grace", "8784h", true}, {"grace", "8784h1s", false},
		{"parallel", "0", false}, {"parallel", "64", true}, {"parallel", "65", false},
		{"memory", "31MiB", false}, {"memory", "32MiB", true}, {"memory", "1024GiB", true}, {"memory", "1025GiB", false}, {"memory", "-64MiB", false},
		{"account-id", "../x", false}, {"account-id", "a/b", false}, {"account-id", "0123456789abcdef", true},
		{"api-token", "a b", false}, {"api-token", "a\nb", false}, {"api-token", "ab", true},
		{"directory", "a\nb", false}, {"branch", "a\x00b", false},
	} {
		_, _, err := Load(Inputs{Root: project(t, site(nil)), Flags: map[string]string{"name": "x", tt.key: tt.value}})
		if (err == nil) != tt.want {
			t.Errorf("%s = %q: %v", tt.key, tt.value, err)
		}
	}
}

// A site and a project at once are refused, whoever names them, unless only a
// wrangler file, which must have a name, names the site.
func TestSiteAndProject(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		flags, env, files map[string]string
		refused           bool
	}{
		"two flags":               {flags: map[string]string{"name": "a", "project": "shop"}, refused: true},
		"two of the environment":  {env: map[string]string{"KV_SYNC_NAME": "a", "KV_SYNC_PROJECT": "shop"}, refused: true},
		"the wrangler file's":     {flags: map[string]string{"project": "shop"}, files: map[string]string{"wrangler.toml": `name = "a"`}},
		"one of each, by a file":  {env: map[string]string{"KV_SYNC_NAME": "a"}, files: map[string]string{"kv-sync.toml": `project = "shop"`}, refused: true},
		"the project's file says": {flags: map[string]string{"project": "shop"}, files: map[string]string{"kv-sync.toml": `name = "a"`}},
	} {
		s, _, err := Load(Inputs{Root: project(t, site(tt.files)), Flags: tt.flags, Getenv: environ(tt.env)})
		if tt.refused != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (s.Name != "" || s.Project != "shop") {
			t.Errorf("%s: site %q, project %q", name, s.Name, s.Project)
		}
	}
}

// A project's id is a name: it is a part of keys, and leads out of none of them.
func TestProjectIsAName(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"shop": true, "shop-2_b": true, strings.Repeat("a", 63): true,
		"a/b": false, "../shop": false, "Shop": false, "shop.": false, "-shop": false, "a b": false, "a\nb": false, strings.Repeat("a", 64): false,
	} {
		for kind, in := range map[string]Inputs{
			"flag": {Root: project(t, site(nil)), Flags: map[string]string{"project": id}},
			"file": {Root: project(t, site(map[string]string{"kv-sync.toml": "project = " + strconv.Quote(id)}))},
		} {
			if _, _, err := Load(in); (err == nil) != want {
				t.Errorf("%q by a %s: %v", id, kind, err)
			}
		}
	}
}

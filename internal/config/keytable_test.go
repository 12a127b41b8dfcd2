package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/site"
)

// keyTest is the test data of one setting.
type keyTest struct {
	get func(*Settings) any
	// values are two valid texts. want is what get returns for them.
	values [2]string
	want   [2]any
	// unset is what get returns if the key is not set. documented is the default in
	// docs/configuration.md, or "" if that page does not name a value.
	unset      any
	documented string
	// more are further valid texts.
	more []string
	// refused maps invalid texts to the fix in the error.
	refused map[string]string
	// toml returns a value as it is written in kv-sync.toml; nil writes a string.
	toml func(text string) string
	// wrangler returns a value as a member of wrangler.json. It is nil if a wrangler file
	// cannot set the key.
	wrangler func(text string) string
	// with and files are other settings and files that the key needs.
	with  map[string]string
	files map[string]string
}

func member(format string) func(string) string {
	return func(text string) string { return fmt.Sprintf(format, text) }
}

// bareTOML returns a TOML value without quotes.
func bareTOML(text string) string { return text }

func tomlList(text string) string { return fmt.Sprintf("[%q]", text) }

var inKVAssets = map[string]string{"layout": "kv-assets"}

// keyTests has an entry for each setting.
var keyTests = map[string]keyTest{
	"name": {
		get: func(s *Settings) any { return s.Name }, values: [2]string{"blog", "shop"}, want: [2]any{"blog", "shop"},
		unset: "my-site", more: []string{"a", "0", "a_b-c", strings.Repeat("a", 63)},
		refused: map[string]string{
			"My Site": nameFix + `, such as "my-site"`, "-a": nameFix + `, such as "a"`, "é": nameFix,
			strings.Repeat("a", 64): nameFix + fmt.Sprintf(", such as %q", strings.Repeat("a", 63)),
		},
		wrangler: member(`"name": %q`),
	},
	"project": {
		get: func(s *Settings) any { return s.Project }, values: [2]string{"blog", "shop"}, want: [2]any{"blog", "shop"},
		unset: "", refused: map[string]string{"a/b": nameFix, "../a": nameFix, "": nameFix, "A": nameFix},
	},
	"directory": {
		get: func(s *Settings) any { return s.Directory }, values: [2]string{"site", "./web/"}, want: [2]any{"site", "web"},
		unset: "public", more: []string{".", "public"}, refused: map[string]string{"a\nb": oneLineFix},
		wrangler: member(`"assets": {"directory": %q}`),
	},
	"source": {
		get: func(s *Settings) any { return s.Options.Text(options.Source) }, values: [2]string{"commit", "folder"},
		want:  [2]any{"commit", "folder"},
		unset: "auto", documented: "auto", more: []string{"auto"},
		refused: map[string]string{"git": `write "auto", "commit" or "folder"`, "": `write "auto", "commit" or "folder"`},
	},
	"gitignore": {
		get: func(s *Settings) any { return s.Options.Is(options.GitIgnore) }, values: [2]string{"true", "false"},
		want: [2]any{true, false}, unset: false, documented: "false", toml: func(v string) string { return v },
		refused: map[string]string{"yes": `write "true" or "false"`},
	},
	"namespace": {
		get: func(s *Settings) any { return s.Namespace }, values: [2]string{"blobs", "0123abcd"},
		want: [2]any{"blobs", "0123abcd"}, unset: "", more: []string{strings.Repeat("x", 512)},
		refused: map[string]string{
			strings.Repeat("x", 513): "write the namespace's title or id", "a\nb": "write the namespace's title or id",
		},
	},
	"layout": {
		get: func(s *Settings) any { return s.Layout }, values: [2]string{"kv-assets", "pathname"},
		want: [2]any{"kv-assets", "pathname"}, unset: "content", documented: "content", more: []string{"content"},
		refused: map[string]string{"flat": `write "content", "kv-assets" or "pathname"`},
	},
	"index": {
		get: func(s *Settings) any { return s.Index }, values: [2]string{"a/i.bin", "b.bin"},
		want:  [2]any{"a/i.bin", "b.bin"},
		unset: "data/assets.bin", documented: "data/assets.bin", refused: map[string]string{"a\nb": oneLineFix},
		with: inKVAssets,
	},
	"build": {
		get: func(s *Settings) any { return s.Build.Line }, values: [2]string{"make", "cargo build"},
		want: [2]any{"make", "cargo build"}, unset: "", refused: map[string]string{"a\nb": oneLineFix}, with: inKVAssets,
		wrangler: member(`"build": {"command": %q}`),
	},
	"binding": {
		get: func(s *Settings) any { return s.Binding }, values: [2]string{"ASSETS", "$kv_1"},
		want:  [2]any{"ASSETS", "$kv_1"},
		unset: "", with: inKVAssets,
		refused: map[string]string{
			"a-b": `write the name by which the Worker's code reads the namespace, such as "ASSETS"`,
			"1a":  `write the name by which the Worker's code reads the namespace, such as "ASSETS"`,
		},
	},
	"account-id": {
		get: func(s *Settings) any { return s.Account }, values: [2]string{"0123456789abcdef", "fedcba"},
		want: [2]any{"0123456789abcdef", "fedcba"}, unset: "",
		refused: map[string]string{
			"../x": "write the account's id: 32 hexadecimal digits, in the dashboard's address",
			"a/b":  "write the account's id: 32 hexadecimal digits, in the dashboard's address",
		},
		wrangler: member(`"account_id": %q`),
	},
	"config": {
		get:    func(s *Settings) any { return s.Files[len(s.Files)-1] },
		values: [2]string{"a.toml", "b.json"}, want: [2]any{"a.toml", "b.json"},
		unset: "wrangler.toml", files: map[string]string{"a.toml": "", "b.json": "{}", "wrangler.toml": ""},
	},
	"env": {
		get: func(s *Settings) any { return s.Options.Text(options.Environment) }, values: [2]string{"stage", "test"},
		want:  [2]any{"stage", "test"},
		unset: "", files: map[string]string{"wrangler.toml": "name = \"x\"\n[env.stage]\n[env.test]\n"},
	},
	"worker": {
		get: func(s *Settings) any { return s.Code.Main }, values: [2]string{"src/w.ts", "./w.js"},
		want:  [2]any{"src/w.ts", "w.js"},
		unset: "", refused: map[string]string{"a\nb": oneLineFix}, wrangler: member(`"main": %q`),
	},
	"compatibility-date": {
		get: func(s *Settings) any { return s.Worker.CompatibilityDate }, values: [2]string{"2026-01-31", "2025-12-01"},
		want: [2]any{"2026-01-31", "2025-12-01"}, unset: DefaultCompatibilityDate, documented: DefaultCompatibilityDate,
		refused: map[string]string{
			"2026-13-01": "write a date such as " + DefaultCompatibilityDate,
			"today":      "write a date such as " + DefaultCompatibilityDate,
		},
		wrangler: member(`"compatibility_date": %q`),
	},
	"html-handling": {
		get:    func(s *Settings) any { return s.Serving.HTMLHandling },
		values: [2]string{"none", "drop-trailing-slash"}, want: [2]any{"none", "drop-trailing-slash"},
		unset: "", more: []string{"auto-trailing-slash", "force-trailing-slash"},
		refused: map[string]string{
			"auto": `write "auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash" or "none"`,
		},
		wrangler: member(`"assets": {"directory": "public", "html_handling": %q}`),
	},
	"not-found": {
		get:    func(s *Settings) any { return s.Serving.NotFound },
		values: [2]string{"none", "404-page"}, want: [2]any{"none", "404-page"},
		unset: "", more: []string{"single-page-application"},
		refused:  map[string]string{"404": `write "404-page", "single-page-application" or "none"`},
		wrangler: member(`"assets": {"directory": "public", "not_found_handling": %q}`),
	},
	"edge-cache": {
		get: func(s *Settings) any { return s.Serving.EdgeCache }, values: [2]string{"60", "3600"}, want: [2]any{60, 3600},
		unset: 0, more: []string{"true", "false", "0", "31536000"}, toml: bareTOML,
		refused: map[string]string{
			"-1": edgeCacheFix, "1h": edgeCacheFix, "31536001": edgeCacheFix, "99999999999999999999": edgeCacheFix,
		},
	},
	"memory-cache": {
		get: func(s *Settings) any {
			if s.Serving.MemoryCache == nil {
				return int64(-1)
			}
			return *s.Serving.MemoryCache
		},
		values: [2]string{"16MiB", "512 KiB"}, want: [2]any{int64(16 << 20), int64(512 << 10)}, unset: int64(-1),
		more: []string{"0", "false", "64MiB"},
		refused: map[string]string{
			"true": memoryCacheFix, "65MiB": memoryCacheFix, "-1": memoryCacheFix, "999999999GiB": memoryCacheFix,
		},
	},
	"cache-status": {
		get: func(s *Settings) any { return s.Serving.CacheStatus }, values: [2]string{"true", "false"},
		want: [2]any{true, false}, unset: false, toml: bareTOML,
		refused: map[string]string{"1": "write true or false", "": "write true or false"},
	},
	"overlay": {
		get:    func(s *Settings) any { return fmt.Sprint(s.Serving.Overlay, s.Rights) },
		values: [2]string{"on write", "off"}, want: [2]any{"true {true false}", "false {false false}"},
		unset: "false {false false}", more: []string{"on", "on write rules"},
		toml: func(text string) string {
			return map[string]string{"on write": "{ write = true }", "off": "false"}[text]
		},
		refused: map[string]string{"maybe": overlayFix, "": overlayFix},
	},
	"retain": {
		get: func(s *Settings) any { return s.Retain }, values: [2]string{"9", "3"}, want: [2]any{9, 3},
		unset: site.DefaultRetain, documented: strconv.Itoa(site.DefaultRetain), more: []string{"1", "100"},
		toml:    bareTOML,
		refused: map[string]string{"0": retainFix, "-1": retainFix, "101": retainFix, "": retainFix, "many": retainFix},
	},
	"timeout": {
		get: func(s *Settings) any { return s.Options.Text(options.Timeout) }, values: [2]string{"90s", "1h"},
		want: [2]any{"90s", "1h"}, unset: "",
	},
	"grace": {
		get: func(s *Settings) any { return s.Grace }, values: [2]string{"48h", "90m"},
		want: [2]any{48 * time.Hour, 90 * time.Minute}, unset: site.DefaultGrace, more: []string{"1h", "8784h"},
		documented: fmt.Sprintf("%.0fh", site.DefaultGrace.Hours()),
		refused: map[string]string{
			"59m59s": graceFix, "0": graceFix, "-24h": graceFix, "8784h1s": graceFix, "soon": graceFix, "24": graceFix,
		},
	},
	"retire": {
		get:    func(s *Settings) any { return s.Retire },
		values: [2]string{"/assets/*", "/logo.svg"}, want: [2]any{[]string{"/assets/*"}, []string{"/logo.svg"}},
		unset: []string(nil), more: []string{"/a\n/b"}, toml: tomlList, with: map[string]string{"worker": "w.js"},
		refused: map[string]string{
			"assets/*":                     `"assets/*" does not begin with /; write the whole pathname, such as "/assets/*"`,
			"/a\n/a":                       `"/a" is listed twice; remove one`,
			"/" + strings.Repeat("a", 100): "has more than 100 characters; shorten it with *",
			manyLines("/a", wrangler.MaxRoutePatterns): "write at most 100 patterns; join some with *",
		},
	},
	"ignore": {
		get:    func(s *Settings) any { return s.Ignore },
		values: [2]string{"*.map", "drafts/"}, want: [2]any{[]string{"*.map"}, []string{"drafts/"}},
		unset: []string(nil), more: []string{"a\r\n\n b\n"}, toml: tomlList, wrangler: member(`"site": {"exclude": [%q]}`),
	},
	"parallel": {
		get: func(s *Settings) any { return s.Parallel }, values: [2]string{"4", "64"}, want: [2]any{4, 64}, unset: 0,
		more: []string{"1"}, toml: bareTOML,
		refused: map[string]string{"0": parallelFix, "65": parallelFix, "many": parallelFix},
	},
	"memory": {
		get:    func(s *Settings) any { return s.Memory },
		values: [2]string{"96MiB", "1 GiB"}, want: [2]any{int64(96 << 20), int64(1 << 30)},
		unset: int64(0), more: []string{"32MiB", "33554432", "65536KiB", "67108864B", "1024GiB"},
		refused: map[string]string{
			"31MiB": memoryFix, "1025GiB": memoryFix, "-64MiB": memoryFix, "64MB": memoryFix, "": memoryFix,
		},
	},
	"branch": {
		get: func(s *Settings) any { return s.Branch }, values: [2]string{"main", "v2"}, want: [2]any{"main", "v2"},
		unset: "", refused: map[string]string{"a\x00b": oneLineFix},
	},
	"remote": {
		get: func(s *Settings) any { return s.Remote }, values: [2]string{"up", "https://host/a"},
		want: [2]any{"up", "https://host/a"}, unset: "", refused: map[string]string{"a\nb": oneLineFix},
	},
	"api-token": {
		get: func(s *Settings) any { return s.Token.Reveal() }, values: [2]string{"s3cret", "other"},
		want:  [2]any{"s3cret", "other"},
		unset: "", refused: map[string]string{"a b": retryFix, "a\nb": retryFix, "ü": retryFix},
	},
	"api-email": {
		get: func(s *Settings) any { return s.Email }, values: [2]string{"a@example.com", "b@example.com"},
		want: [2]any{"a@example.com", "b@example.com"}, unset: "",
		refused: map[string]string{
			"a": "write the e-mail address of the account's user", "a @b": "write the e-mail address of the account's user",
		},
	},
	"api-key": {
		get: func(s *Settings) any { return s.APIKey.Reveal() }, values: [2]string{"s3cret", "other"},
		want:  [2]any{"s3cret", "other"},
		unset: "", refused: map[string]string{"a b": retryFix, "a\nb": retryFix},
	},
	"api-base-url": {
		get:    func(s *Settings) any { return s.BaseURL },
		values: [2]string{"https://api.example/v4/", "http://localhost:8787"},
		want:   [2]any{"https://api.example/v4", "http://localhost:8787"}, unset: DefaultBaseURL,
		refused: map[string]string{
			"http://api.example":      "write an https address; http is allowed for this machine only",
			"https://a:b@api.example": "write an address such as " + DefaultBaseURL,
			"api.example":             "write an address such as " + DefaultBaseURL,
		},
	},
}

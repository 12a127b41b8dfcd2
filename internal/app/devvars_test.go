package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
)

// A folder's variables for development reach the Worker of a local platform, and no other.
func TestDevVars(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"public/index.html": "x", "worker.js": "export default { fetch() {} }",
		".dev.vars": "KEY=local\nMODE=debug\nKV=none",
		"wrangler.jsonc": `{"name":"tides","main":"worker.js","compatibility_date":"2026-01-01",
			"assets":{"directory":"public"},"vars":{"MODE":"live"},
			"kv_namespaces":[{"binding":"KV","id":"0123456789abcdef0123456789abcdef"}]}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func(in app.Inputs) (string, error) {
		in.Root, in.Getenv, in.Token, in.AccountID = dir, func(string) string { return "" }, "t", strings.Repeat("0", 32)
		site, err := app.Open(t.Context(), in)
		if err != nil {
			return "", err
		}
		defer site.Close()
		var list []string
		for _, b := range site.Settings().Worker.Bindings {
			list = append(list, b.Name+" "+b.Type+" "+string(b.Fields["text"]))
		}
		return strings.Join(list, ", "), nil
	}
	for _, api := range []string{"http://127.0.0.1:8787/client/v4", "http://[::1]:1/client/v4"} {
		got, err := open(app.Inputs{Local: true, BaseURL: api})
		if want := `KEY plain_text "local", KV kv_namespace , MODE plain_text "debug"`; err != nil || got != want {
			t.Errorf("%s: %q, %v", api, got, err)
		}
	}
	got, err := open(app.Inputs{})
	if want := `KV kv_namespace , MODE plain_text "live"`; err != nil || got != want {
		t.Errorf("at Cloudflare: %q, %v", got, err)
	}
	for _, api := range []string{"", "https://api.cloudflare.com/client/v4", "http://127.0.0.1.example.com/client/v4"} {
		if got, err := open(app.Inputs{Local: true, BaseURL: api}); err == nil {
			t.Errorf("the variables go to %q: %s", api, got)
		}
	}
}

// A variable cannot replace the bindings of kv-sync, and no file outside of the project is read.
func TestDevVarsRefused(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(outside, []byte("A=1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"KV_SYNC_BLOBS": func(path string) error { return os.WriteFile(path, []byte("KV_SYNC_BLOBS=x"), 0o600) },
		"outside":       func(path string) error { return os.Symlink(outside, path) },
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "index.html"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := make(filepath.Join(dir, ".dev.vars")); err != nil {
			t.Fatal(err)
		}
		site, err := app.Open(t.Context(), app.Inputs{Root: dir, Name: "tides", Directory: ".", Local: true,
			BaseURL: "http://127.0.0.1:1/client/v4", Getenv: func(string) string { return "" }})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			site.Close()
		}
	}
}

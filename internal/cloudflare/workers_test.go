package cloudflare

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/cloud"
)

var fullUpload = cloud.Upload{
	Worker: cloud.Worker{
		Main: "src/index.js",
		Modules: []cloud.Module{
			{
				Name: "src/index.js", Type: "application/javascript+module",
				Content: []byte("import './kv-sync-manifest.bin'\r\n--x--"),
			},
			{Name: "kv-sync-manifest.bin", Type: "application/octet-stream", Content: []byte{0, 1, 0xff, '\r', '\n', 0}},
			{Name: `odd "name" ü.txt`, Type: "text/plain", Content: nil},
		},
		CompatibilityDate:  "2026-01-01",
		CompatibilityFlags: []string{"nodejs_compat"},
		Bindings: []cloud.Binding{
			{Name: "KV_SYNC_BLOBS", Type: "kv_namespace", Fields: raw(`{"namespace_id":"abc"}`)},
			{Name: "KV_SYNC", Type: "json", Fields: raw(`{"json":{"v":1},"name":"forged","type":"forged"}`)},
			{Name: "SECRET", Type: "inherit", Fields: raw(`{"version_id":"v0"}`)},
		},
		Settings: raw(`{"limits":{"cpu_ms":50},"logpush":true,"tags":["a"],"observability":{"enabled":true}}`),
	},
	Message: "deploy 1", Tag: "t1",
	Apply: &cloud.MigrationPlan{
		OldTag: "m1", NewTag: "m2", Steps: []json.RawMessage{json.RawMessage(`{"new_sqlite_classes":["A"]}`)},
	},
}

func raw(object string) (m map[string]json.RawMessage) {
	if err := json.Unmarshal([]byte(object), &m); err != nil {
		panic(err)
	}
	return m
}

type part struct{ name, file, contentType, content string }

func readForm(t *testing.T, r seen) (metadata map[string]any, modules []part) {
	t.Helper()
	mediaType, params, err := mime.ParseMediaType(r.Type)
	if err != nil || mediaType != "multipart/form-data" {
		t.Fatal(r.Type, err)
	}
	form := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"])
	for {
		p, err := form.NextRawPart()
		if err == io.EOF {
			return metadata, modules
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(p)
		if p.FormName() != "metadata" {
			modules = append(modules, part{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(content)})
			continue
		}
		if p.Header.Get("Content-Type") != "application/json" || p.FileName() != "" || metadata != nil {
			t.Errorf("metadata part %v", p.Header)
		}
		if err := json.Unmarshal(content, &metadata); err != nil {
			t.Fatal(err)
		}
	}
}

// The form has the metadata as a JSON part. The SDK is not used for it, because it sends the
// metadata as flattened form fields.
func TestUploadForm(t *testing.T) {
	version := map[string]any{
		"main_module": "src/index.js", "compatibility_date": "2026-01-01", "compatibility_flags": []any{"nodejs_compat"},
		"annotations": map[string]any{"workers/message": "deploy 1", "workers/tag": "t1"},
		"bindings": []any{
			map[string]any{"name": "KV_SYNC_BLOBS", "type": "kv_namespace", "namespace_id": "abc"},
			map[string]any{"name": "KV_SYNC", "type": "json", "json": map[string]any{"v": 1.0}},
			map[string]any{"name": "SECRET", "type": "inherit", "version_id": "v0"},
		},
		"limits": map[string]any{"cpu_ms": 50.0},
	}
	script := map[string]any{"logpush": true, "observability": map[string]any{"enabled": true}, "tags": []any{"a"},
		"migrations": map[string]any{"old_tag": "m1", "new_tag": "m2",
			"steps": []any{map[string]any{"new_sqlite_classes": []any{"A"}}}}}
	for k, v := range version {
		script[k] = v
	}
	inBubble(t, func(t *testing.T, s *server) {
		id, err := s.script().UploadVersion(t.Context(), fullUpload)
		if err != nil || id != "v2" {
			t.Fatal(id, err)
		}
		if err := s.script().PutScript(t.Context(), fullUpload); err != nil {
			t.Fatal(err)
		}
		got := s.requests()
		base := "/accounts/" + testAccount + "/workers/scripts/blog"
		if r := got[0]; r.Method != "POST" || r.Path != base+"/versions" || r.Query != "bindings_inherit=strict" {
			t.Errorf("%s %s?%s", r.Method, r.Path, r.Query)
		}
		if r := got[1]; r.Method != "PUT" || r.Path != base || r.Query != "bindings_inherit=strict&excludeScript=true" {
			t.Errorf("%s %s?%s", r.Method, r.Path, r.Query)
		}
		for i, want := range []map[string]any{version, script} {
			metadata, modules := readForm(t, got[i])
			if !reflect.DeepEqual(metadata, want) {
				t.Errorf("metadata %v\nwant %v", metadata, want)
			}
			if len(modules) != len(fullUpload.Modules) {
				t.Fatal(modules)
			}
			for j, m := range fullUpload.Modules {
				if want := (part{m.Name, m.Name, m.Type, string(m.Content)}); modules[j].content != want.content ||
					modules[j].contentType != want.contentType || modules[j].name != want.name {
					t.Errorf("%q\nwant %q", modules[j], want)
				}
			}
		}
	}, result(`{"id":"v2","resources":{"bindings":[{"type":"never_heard_of"}]}}`), result(`{"id":"blog"}`))
}

func TestModulesAreNotCopied(t *testing.T) {
	form, err := scriptForm(fullUpload, true)
	if err != nil {
		t.Fatal(err)
	}
	content := fullUpload.Modules[0].Content
	for _, p := range form.parts {
		if len(p) == len(content) && &p[0] == &content[0] {
			return
		}
	}
	t.Error("no part of the form has the memory of the module")
}

func TestInvalidUploadIsRefused(t *testing.T) {
	for name, change := range map[string]func(*cloud.Upload){
		"no main":          func(u *cloud.Upload) { u.Main = "x.js" },
		"main is metadata": func(u *cloud.Upload) { u.Main = "metadata" },
		"no date":          func(u *cloud.Upload) { u.CompatibilityDate = "" },
		"module metadata": func(u *cloud.Upload) {
			u.Modules = append(u.Modules, cloud.Module{Name: "metadata", Type: "text/plain"})
		},
		"module twice": func(u *cloud.Upload) { u.Modules = append(u.Modules, u.Modules[0]) },
		"module header": func(u *cloud.Upload) {
			u.Modules = append(u.Modules, cloud.Module{Name: "a\r\nX: y", Type: "text/plain"})
		},
		"type header": func(u *cloud.Upload) {
			u.Modules = append(u.Modules, cloud.Module{Name: "a", Type: "text/plain\r\nX: y"})
		},
		"setting: bindings":   func(u *cloud.Upload) { u.Settings = raw(`{"bindings":[]}`) },
		"setting: migrations": func(u *cloud.Upload) { u.Settings = raw(`{"migrations":{}}`) },
	} {
		t.Run(name, func(t *testing.T) {
			u := fullUpload
			u.Modules = append([]cloud.Module(nil), u.Modules...)
			change(&u)
			inBubble(t, func(t *testing.T, s *server) {
				if _, err := s.script().UploadVersion(t.Context(), u); err == nil {
					t.Error("UploadVersion returned no error")
				}
				if err := s.script().PutScript(t.Context(), u); err == nil || errors.Is(err, cloud.ErrUnknown) {
					t.Errorf("PutScript returned %v", err)
				}
				if len(s.requests()) != 0 {
					t.Error("a request was sent")
				}
			}, result(`{"id":"x"}`))
		})
	}
}

func TestActivate(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		message := strings.Repeat("ü", 501) // 1002 bytes
		err := s.script().Activate(t.Context(), []cloud.Share{{Version: "v1", Percent: 90.5}, {Version: "v2", Percent: 9.5}},
			"x"+message, false)
		if err != nil {
			t.Fatal(err)
		}
		r := s.requests()[0]
		var got map[string]any
		if err := json.Unmarshal(r.Body, &got); err != nil {
			t.Fatal(err)
		}
		sent := got["annotations"].(map[string]any)["workers/message"].(string)
		if len(sent) != 999 || !utf8.ValidString(sent) {
			t.Errorf("a message of %d bytes: %q", len(sent), sent[990:])
		}
		delete(got, "annotations")
		want := map[string]any{"strategy": "percentage", "versions": []any{
			map[string]any{"version_id": "v1", "percentage": 90.5}, map[string]any{"version_id": "v2", "percentage": 9.5}}}
		if r.Method != "POST" || !strings.HasSuffix(r.Path, "/workers/scripts/blog/deployments") ||
			!reflect.DeepEqual(got, want) {
			t.Errorf("%s %s %v", r.Method, r.Path, got)
		}
	}, deployedOK)
}

func TestActivations(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		all, err := s.script().Activations(t.Context())
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		a := all[0]
		if a.ID != "d2" || a.Message != "two" || a.Author != "x@example.com" || a.Created.Unix() != 1767225600 ||
			!reflect.DeepEqual(a.Versions, []cloud.Share{{Version: "v2", Percent: 25.5}, {Version: "v1", Percent: 74.5}}) {
			t.Errorf("%+v", a)
		}
	}, result(`{"deployments":[
		{"id":"d2","created_on":"2026-01-01T00:00:00.5Z","source":"api","strategy":"percentage",
		 "author_email":"x@example.com",
		 "annotations":{"workers/message":"two","workers/triggered_by":"deployment"},
		 "versions":[{"version_id":"v2","percentage":25.5},{"version_id":"v1","percentage":74.5}]},
		{"id":"d1","created_on":"2025-01-01T00:00:00Z","versions":[{"version_id":"v1","percentage":100}]}]}`))
}

// A response without the list must not look like a Worker that is not deployed: the next deploy
// would be treated as the first one. A deployment without versions would keep no blob alive.
func TestInvalidActivationsAreAnError(t *testing.T) {
	for _, r := range []string{`{}`, `null`, `[]`, `{"deployments":[{}]}`, `{"deployments":null}`,
		`{"deployments":[{"id":"d1"}]}`, `{"deployments":[{"id":"d1","versions":[]}]}`} {
		inBubble(t, func(t *testing.T, s *server) {
			if all, err := s.script().Activations(t.Context()); err == nil || errors.Is(err, cloud.ErrNotFound) {
				t.Error(r, all, err)
			}
		}, result(r))
	}
}

// Version returns all members of a binding, also if the SDK does not know its type. The SDK v7.9.0
// drops the members of such bindings, for example of worker_loader.
func TestVersionKeepsBindingsOfAnyType(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		v, err := s.script().Version(t.Context(), "v1")
		if err != nil {
			t.Fatal(err)
		}
		want := []cloud.Binding{
			{Name: "KV_SYNC", Type: "json", Fields: raw(`{"json":{"format":1}}`)},
			{Name: "LOADER", Type: "worker_loader", Fields: raw(`{}`)},
			{Name: "NEW", Type: "never_heard_of", Fields: raw(`{"deep":{"x":[1]}}`)},
		}
		if v.ID != "v1" || v.Created.Unix() != 1767225600 || !reflect.DeepEqual(v.Bindings, want) {
			t.Errorf("%+v", v)
		}
	}, result(`{"id":"v1","number":3,"metadata":{"created_on":"2026-01-01T00:00:00Z"},"resources":{"bindings":[
		{"name":"KV_SYNC","type":"json","json":{"format":1}},{"name":"LOADER","type":"worker_loader"},
		{"name":"NEW","type":"never_heard_of","deep":{"x":[1]}}],"script":{"etag":"e"}}}`))
}

// A response without the version must not look like a Worker without bindings: a deploy would
// treat that as a foreign Worker and not keep its secrets.
func TestInvalidVersionIsAnError(t *testing.T) {
	for _, r := range []string{`{}`, `null`, `[]`, `{"resources":{"bindings":[]}}`,
		`{"id":"v1","resources":{"bindings":[{"name":"KV_SYNC"}]}}`,
		`{"id":"v1","resources":{"bindings":[{"type":"json"}]}}`} {
		inBubble(t, func(t *testing.T, s *server) {
			if v, err := s.script().Version(t.Context(), "v1"); err == nil || errors.Is(err, cloud.ErrNotFound) {
				t.Errorf("%s: %+v, %v", r, v, err)
			}
		}, result(r))
	}
}

func TestMigrationTag(t *testing.T) {
	list := result(`[{"id":"shop","migration_tag":"s9"},{"id":"blog","migration_tag":"m3"},{"id":"bare"}]`)
	inBubble(t, func(t *testing.T, s *server) {
		for script, want := range map[string]string{"blog": "m3", "bare": "", "missing": ""} {
			if got, err := s.account.Workers(script).MigrationTag(t.Context()); err != nil || got != want {
				t.Error(script, got, err)
			}
		}
	}, list)
	inBubble(t, func(t *testing.T, s *server) {
		if _, err := s.script().MigrationTag(t.Context()); err == nil {
			t.Error("a response without a list gives no error")
		}
	}, result(`null`))
}

func TestURL(t *testing.T) {
	remote := func(s *server) cloud.Workers {
		return s.open(s, func(o *Options) {
			o.BaseURL = ""
			base := o.Transport
			o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				r.URL.Scheme = "http" // the pipes have no TLS
				return base.RoundTrip(r)
			})
		}).Workers("blog")
	}
	cases := []struct {
		name    string
		local   bool
		want    string
		replies []reply
	}{
		{"Cloudflare", false, "https://blog.me.workers.dev", []reply{result(`{"subdomain":"me"}`)}},
		{"no subdomain", false, "", []reply{refuse(404, 10007, "no subdomain")}},
		{"null as result", false, "", []reply{result(`null`)}},
		{"local", true, "http://127.0.0.1:8788", []reply{result(`{"enabled":true,"url":"http://127.0.0.1:8788"}`)}},
		{
			"local, with an address elsewhere", true, "https://blog.me.workers.dev",
			[]reply{result(`{"enabled":true,"url":"https://evil.example"}`), result(`{"subdomain":"me"}`)},
		},
		{
			"local without an address", true, "https://blog.me.workers.dev",
			[]reply{result(`{"enabled":true}`), result(`{"subdomain":"me"}`)},
		},
		{
			"local before the first deploy", true, "https://blog.me.workers.dev",
			[]reply{refuse(404, 10007, "no script"), result(`{"subdomain":"me"}`)},
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				w := s.script()
				if !tc.local {
					w = remote(s)
				}
				if got, err := w.URL(t.Context()); err != nil || got != tc.want {
					t.Errorf("%q %v", got, err)
				}
				if got := len(s.requests()); got != len(tc.replies) {
					t.Errorf("%d requests", got)
				}
			}, tc.replies...)
		})
	}
}

func TestEnableURL(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		if err := s.script().EnableURL(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := s.requests()[0]
		if r.Method != "POST" || !strings.HasSuffix(r.Path, "/workers/scripts/blog/subdomain") ||
			string(r.Body) != `{"enabled":true,"previews_enabled":false}` {
			t.Errorf("%+v", r)
		}
	}, result(`{"enabled":true,"previews_enabled":false}`))
}

func FuzzSegment(f *testing.F) {
	for _, k := range append(oddKeys, "", ".", "..", "\x00", "%") {
		f.Add(k)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, err := segment("KV key", name)
		if err != nil {
			return
		}
		back, err := url.PathUnescape(s)
		if err != nil || back != name || strings.ContainsAny(s, "/?#") {
			t.Errorf("%q became %q", name, s)
		}
		u, err := url.Parse("http://h/a/" + s)
		if err != nil || u.EscapedPath() != "/a/"+s {
			t.Errorf("%q changes in a URL: %v", s, err)
		}
	})
}

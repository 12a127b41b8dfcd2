package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/internal/config/wrangler"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

func FuzzWrangler(f *testing.F) {
	for name, text := range languages {
		f.Add(name, []byte(text), "")
	}
	for _, seed := range []string{
		`{"env":{"a":{"name":null}}}`, `{"name":}`, "\xef\xbb\xbf{}", `{"vars":{"":1}}`, "{\"a\xff\":1}",
		`{"unsafe":{"bindings":[{}]}}`,
	} {
		f.Add("wrangler.json", []byte(seed), "a")
	}
	for _, seed := range []string{
		"a.b.c=1", "[[a]]\n[[a.b]]", "a=inf", "a=2020-01-01", "[env.a]\nvars={x='''\n'''}", "'a\"b'=1",
	} {
		f.Add("wrangler.toml", []byte(seed), "a")
	}
	f.Fuzz(func(t *testing.T, name string, data []byte, env string) {
		top, err := tree.Parse(name, data)
		if err != nil {
			return
		}
		out, problems, notices := wrangler.Read(name, top, nil, env)
		for _, p := range append(problems, notices...) {
			if p.Reason == "" || p.Line > strings.Count(string(data), "\n")+1 {
				t.Errorf("problem %+v", p)
			}
		}
		for _, b := range out.Worker.Bindings {
			if b.Name == "" || b.Name == cloud.BindingMeta || b.Name == cloud.BindingBlobs {
				t.Errorf("binding %+v", b)
			}
			for k, v := range b.Fields {
				if !json.Valid(v) {
					t.Errorf("%s.%s = %s", b.Name, k, v)
				}
			}
		}
	})
}

func FuzzProjectFile(f *testing.F) {
	f.Add([]byte("name = \"a\"\nretain = 5\nignore = [\"x\"]"))
	f.Add([]byte("memory = 1e9\ngrace = \"-1h\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, ProjectFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, _, err := Load(Inputs{Root: root, Flags: map[string]string{"directory": "."}})
		if err == nil && (!namePattern.MatchString(s.Name) || s.BaseURL != DefaultBaseURL || s.Token != "" || s.Retain < 1) {
			t.Errorf("settings %+v", s)
		}
	})
}

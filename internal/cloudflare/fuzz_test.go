package cloudflare

import (
	"encoding/json"
	"strings"
	"testing"
)

// The decoders of results accept only what says everything that was asked for.
func FuzzResults(f *testing.F) {
	for _, seed := range []string{
		`{"successful_key_count":2,"unsuccessful_keys":[]}`, `{"successful_key_count":1,"unsuccessful_keys":["a/1"]}`,
		`{"values":{"a/1":{"value":"x","metadata":null},"a/2":null}}`, `{"values":{"a/1":{"value":null}}}`,
		`[{"name":"a/1"},{"name":"a/2","metadata":{"x":1}}]`, `[{"name":"b"}]`, `[]`, `null`, `{}`,
		`[{"name":"N","type":"kv_namespace","namespace_id":"n"},{"name":"M","type":"json","json":{}}]`,
	} {
		f.Add([]byte(seed), []byte(`{"cursor":""}`))
	}
	f.Add([]byte(`[{"name":"a/1"}]`), []byte(`{"cursor":"c"}`))
	f.Fuzz(func(t *testing.T, result, info []byte) {
		keys := []string{"a/1", "a/2"}
		e := envelope{Result: result, ResultInfo: info}
		if failed, err := readBulk(e, len(keys)); err == nil {
			var r struct {
				Done int `json:"successful_key_count"`
			}
			if json.Unmarshal(result, &r) != nil || r.Done+len(failed) < len(keys) {
				t.Errorf("%s confirms two keys", result)
			}
		}
		if values, err := readValues(e, keys); err == nil {
			for _, key := range keys {
				if _, ok := values[key]; !ok && !strings.Contains(string(result), "null") {
					t.Errorf("%s says nothing about %s", result, key)
				}
			}
			if len(values) > len(keys) {
				t.Errorf("%s has %d values", result, len(values))
			}
		}
		if page, next, err := readPage(e, "a/", "c"); err == nil {
			for _, k := range page {
				if !strings.HasPrefix(k.Name, "a/") {
					t.Errorf("%s lists %q", result, k.Name)
				}
			}
			if next == "c" {
				t.Errorf("%s follows itself", info)
			}
		}
		var list []map[string]json.RawMessage
		if json.Unmarshal(result, &list) == nil {
			bindings, ok := readBindings(list)
			for i := 0; ok && i < len(bindings); i++ {
				for name, v := range bindings[i].Fields {
					if name == "name" || name == "type" || !json.Valid(v) {
						t.Errorf("%s has the field %s: %s", result, name, v)
					}
				}
			}
		}
	})
}

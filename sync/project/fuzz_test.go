package project

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// fuzzedVersion is a version of the project shop.
const fuzzedVersion = `{"format":1,"project":"shop","loader":"shop:0","served":"` + fuzzedRef + `","main":"a.js",` +
	`"modules":{"a.js":{"js":""}},"kv_sync":{"format":1,"site":"project/shop","namespace":"","deployment":"d"}}`

const fuzzedRef = "00000000000000000000000000000000000000000000000000000000000000ff.6b0e227f685439cb"

// fuzzedPointer is the value of current with a version. The version's id is right.
func fuzzedPointer(head string, version []byte) []byte {
	id := manifest.HashOf(version).String() + ".6b0e227f685439cb"
	return fmt.Appendf(nil, `{"format":%s,"activations":[{"id":"a","time":"2026-11-21T02:45:12Z","version":%q,`+
		`"message":"m"}],"version":%s}`, head, id, version)
}

// A pointer that is accepted has an active version whose bytes have the hash that its id says, or
// it is a tombstone.
func FuzzDecodePointer(f *testing.F) {
	f.Add(fuzzedPointer("1", []byte(fuzzedVersion)))
	f.Add(fuzzedPointer(`2,"incarnation":"6b0e227f685439cb"`, []byte(fuzzedVersion)))
	for _, seed := range []string{`{"format":2,"incarnation":"6b0e227f685439cb","deleted":"2026-11-21T02:45:12Z"}`,
		`{"format":3}`, `{"format":1}`, `{}`, `null`, `{"format":1,"activations":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := New(Config{ID: "shop"})
		at, err := p.decode(b)
		switch {
		case err == nil:
			ref, bad := manifest.ParseRef(at.version())
			if bad != nil || manifest.HashOf(at.Version) != ref.Hash || at.Format != formatOf(at.Incarnation) {
				t.Errorf("%s reads as %+v", b, at)
			}
		case !at.Deleted.IsZero():
			if at.Incarnation.IsZero() || len(at.Activations) > 0 {
				t.Errorf("%s is a tombstone with %+v", b, at)
			}
		case at.active() != "":
			t.Errorf("%s is refused (%v) and has %+v", b, err, at)
		}
	})
}

// A version that is accepted is of the project, names its manifest, and says what it is.
func FuzzDescribeVersion(f *testing.F) {
	f.Add([]byte(fuzzedVersion))
	for _, seed := range []string{`{"format":2}`, `{"format":1,"project":"shop","served":"x"}`, `{}`, `null`,
		`{"project":"shop","served":"` + fuzzedRef + `","kv_sync":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := New(Config{ID: "shop"})
		p.namespace = "n"
		v, err := p.describe(fuzzedRef, b)
		if err != nil {
			return
		}
		var stamp versionStamp
		if json.Unmarshal(b, &stamp) != nil || stamp.Project != "shop" || len(v.Keeps) != 2 {
			t.Errorf("%s reads as %+v", b, v)
		}
		if v.Keeps[1].String() != stamp.Served {
			t.Errorf("%s keeps %v", b, v.Keeps)
		}
		if m, err := version.ReadMeta(v, "project/shop"); err == nil && m != nil && m.Namespace != "n" {
			t.Errorf("%s is of the namespace %q", b, m.Namespace)
		}
		for _, binding := range v.Bindings {
			if binding.Name == cloud.BindingMeta && !json.Valid(binding.Fields["json"]) {
				t.Errorf("%s has the description %s", b, binding.Fields["json"])
			}
		}
	})
}

package version

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// A record that can be read is encoded and read again as the same record.
func FuzzDecodeRecord(f *testing.F) {
	for _, seed := range []string{
		`{"format":1,"deployment":"20261121-024512-9f3c1a2b","site":"blog","manifest":"x","source":"commit:a:b",` +
			`"time":"2026-11-21T02:45:12Z","files":3,"added":1,"changed":1,"removed":0,"unchanged":1,"retain":5,` +
			`"grace":86400,"repository":{"id":"7","name":"a/b","remotes":["c"]},"dirty":true}`,
		`{"past":[{"id":"a","time":"2026-11-21T02:45:12+01:00","versions":[{"version_id":"v","percentage":99.5}]}]}`,
		`{"forgot":{"hashes":["0123456789abcdef"],"all":true},"time":null}`, `{"format":2}`, `{}`, `null`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRecord(b)
		if err != nil {
			return
		}
		if r.Check("blog", "d") == nil && (r.Site != "blog" || r.Deployment != "d" || r.Format != RecordFormat) {
			t.Errorf("the record of another deployment is accepted: %+v", r)
		}
		again := encoded(t, r)
		back, err := DecodeRecord(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if d := cmp.Diff(string(again), string(encoded(t, back))); d != "" {
			t.Error(d)
		}
		for _, a := range r.Past {
			if got := a.Activation(); got.ID != a.ID || len(got.Versions) != len(a.Versions) {
				t.Errorf("%+v reads as %+v", a, got)
			}
		}
	})
}

// A hold that is accepted is of the deployment, holds back a commit or deployments, and is encoded
// and read again as the same hold.
func FuzzDecodeHold(f *testing.F) {
	for _, seed := range []string{
		`{"format":1,"site":"blog","deployment":"` + testDeployment + `","version_id":"v","rollback":true,"commit":"` +
			testCommit + `","hold":"` + otherCommit + `","over":"x","held":[{"source":"a","worker":"b"}]}`,
		`{"format":1,"site":"blog","deployment":"` + testDeployment + `","hold":"` + heldDeployment + `"}`,
		`{"format":2}`, `{}`, `null`, `{"hold":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := DecodeHold(b, "blog", testDeployment)
		if err != nil {
			if !errors.Is(err, manifest.ErrDamaged) && !errors.Is(err, manifest.ErrNewer) {
				t.Errorf("the error is %v", err)
			}
			return
		}
		if h.Site != "blog" || h.Deployment != testDeployment || h.Hold != "" && !isHold(h.Hold) {
			t.Errorf("%+v is accepted", h)
		}
		again, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeHold(again, "blog", testDeployment)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if d := cmp.Diff(string(again), string(encoded(t, back))); d != "" {
			t.Error(d)
		}
	})
}

// A version that is accepted is of the site, and of the namespace that its bindings name.
func FuzzReadMeta(f *testing.F) {
	for _, seed := range []string{
		`{"format":1,"site":"blog","deployment":"` + testDeployment + `","manifest":"m","source":"folder:a:b","worker":"w",` +
			`"namespace":"n","bindings":["A"],"pruned":1,"files":2,"retain":5,"grace":86400,"index":"00"}`,
		`{"format":1,"site":"blog","namespace":"other"}`, `{"format":2,"site":"blog"}`, `{}`, `null`, `7`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v := cloud.Version{ID: "v", Bindings: []cloud.Binding{
			{Name: cloud.BindingBlobs, Type: "kv_namespace", Fields: map[string]json.RawMessage{"namespace_id": []byte(`"n"`)}},
			{Name: cloud.BindingMeta, Type: "json", Fields: map[string]json.RawMessage{"json": b}},
		}}
		m, err := ReadMeta(v, "blog")
		if err != nil || m == nil {
			return
		}
		if m.Site != "blog" || m.Namespace != "n" || m.Format > Format {
			t.Errorf("%+v is accepted", m)
		}
		if _, ok := m.IndexHash(); ok && len(m.Index) != 64 {
			t.Errorf("%q is an index", m.Index)
		}
		if m.GracePeriod() < MinGrace && m.Known() {
			t.Errorf("the grace period is %v", m.GracePeriod())
		}
		v.Bindings[1].Fields["json"] = encoded(t, m)
		back, err := ReadMeta(v, "blog")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(encoded(t, m)), string(encoded(t, back))); d != "" {
			t.Error(d)
		}
	})
}

// What a message says, written as a message, says the same.
func FuzzReadMessage(f *testing.F) {
	for _, m := range []Message{
		{Deployment: testDeployment, Commit: testCommit, First: true},
		{Deployment: testDeployment, Commit: testCommit, Over: "x", Has: ChangeMark("y") + "," + ChangeMark("z")},
		{Deployment: testDeployment, Hold: otherCommit, Over: "x"},
		{Deployment: testDeployment, Rollback: true, Commit: testCommit, Hold: otherCommit, Over: "x", Actor: "ada",
			Run: "8"},
		{Deployment: testDeployment, Rollback: true, Over: "x", Hold: heldDeployment + "," + testDeployment},
	} {
		f.Add(m.Text("Fix the menu kv-sync-hold:" + otherCommit))
	}
	f.Add(Again("x", []string{ChangeMark("y")}, "by hand"))
	f.Add("kv-sync " + testDeployment + ")")
	f.Fuzz(func(t *testing.T, text string) {
		m := ReadMessage(text)
		if m.Commit != "" && !IsCommit(m.Commit) || m.Hold != "" && !isHold(m.Hold) || len(m.Over) > 64 {
			t.Errorf("%q reads as %+v", text, m)
		}
		if _, ok := manifest.DeploymentTime(m.Deployment); !ok || m.Over == "" && !m.First {
			return // kv-sync writes no such message
		}
		if m.Rollback && (m.Actor != "" || m.Run != "") {
			m.Actor, m.Run = "", "" // their texts are clipped
		}
		if back := ReadMessage(m.Text("")); back != m {
			t.Errorf("%q reads as %+v; written again it reads as %+v", text, m, back)
		}
	})
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

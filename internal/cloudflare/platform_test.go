package cloudflare_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

func onPlatform(t *testing.T) (*platformtest.Fixture, *cloudflare.Account) {
	t.Helper()
	f := platformtest.Start(t)
	a, err := cloudflare.New(cloudflare.Options{Token: f.Token, AccountID: f.AccountID, BaseURL: f.BaseURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return f, a
}

// The platform and this package implement the API's documentation independently: they share no
// code.
func TestStoreOnThePlatform(t *testing.T) {
	f, a := onPlatform(t)
	ctx := t.Context()
	if err := a.Verify(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := a.FindNamespace(ctx, "sites"); !errors.Is(err, cloud.ErrNotFound) {
		t.Fatal(err)
	}
	id, err := a.CreateNamespace(ctx, "sites")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.CreateNamespace(ctx, "sites"); err != nil || again != id {
		t.Fatal(again, err)
	}
	s := a.Store(id)

	f.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		return platform.Fault{Kind: platform.FaultPartial, Keys: []string{"blog/b"}}
	})
	body := []byte(`[{"key":"blog/a","value":"YQ==","base64":true,"metadata":{"t":7}},{"key":"blog/b","value":"b"}]`)
	failed, err := s.PutBulk(ctx, body, 2)
	if err != nil || !reflect.DeepEqual(failed, []string{"blog/b"}) {
		t.Fatal(failed, err)
	}
	f.Server.SetFault(nil)
	odd := "blog/ü %2F?#/../x+y"
	value := bytes.Repeat([]byte{0, 0xff}, 1<<20)
	if err := s.Put(ctx, odd, value); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, odd); err != nil || !bytes.Equal(got, value) {
		t.Fatal(len(got), err)
	}
	if _, err := s.Get(ctx, "blog/b"); !errors.Is(err, cloud.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := a.Store("fedcba9876543210fedcba9876543210").Get(ctx, "blog/a"); err == nil ||
		errors.Is(err, cloud.ErrNotFound) {
		t.Fatal("a missing namespace looks like a missing key:", err)
	}

	f.Server.SetBehaviour(platform.Behaviour{EmptyPages: true})
	keys := map[string]string{}
	for cursor := ""; ; {
		page, next, err := s.List(ctx, "blog/", cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page {
			keys[k.Name] = string(k.Metadata)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if want := map[string]string{"blog/a": `{"t":7}`, odd: ""}; !reflect.DeepEqual(keys, want) {
		t.Fatal(keys)
	}
	if failed, err := s.DeleteBulk(ctx, []string{"blog/a", odd}); err != nil || len(failed) != 0 {
		t.Fatal(failed, err)
	}
	if got, want := a.Stats().Requests, int64(len(f.Server.Requests())); got != want {
		t.Errorf("counted %d requests, the server %d", got, want)
	}
}

func TestWorkersOnThePlatform(t *testing.T) {
	f, a := onPlatform(t)
	ctx := t.Context()
	w := a.Workers("blog")
	if _, err := w.Activations(ctx); !errors.Is(err, cloud.ErrNotFound) {
		t.Fatal(err)
	}
	upload := func(text string) cloud.Upload {
		return cloud.Upload{Worker: cloud.Worker{
			Main: "index.js",
			Modules: []cloud.Module{
				{Name: "index.js", Type: "application/javascript+module",
					Content: []byte(`import data from "./data.bin"; export default { fetch() { return new Response(data) } }`)},
				{Name: "data.bin", Type: "application/octet-stream", Content: []byte(text)},
			},
			CompatibilityDate: "2026-01-01",
			Bindings: []cloud.Binding{
				{
					Name: "KV_SYNC", Type: "json",
					Fields: map[string]json.RawMessage{"json": json.RawMessage(fmt.Sprintf("%q", text))},
				},
			},
		}, Message: "deploy " + text}
	}
	if err := w.PutScript(ctx, upload("one")); err != nil {
		t.Fatal(err)
	}
	id, err := w.UploadVersion(ctx, upload("two"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.Version(ctx, id)
	if err != nil || len(v.Bindings) != 1 || string(v.Bindings[0].Fields["json"]) != `"two"` || v.Created.IsZero() {
		t.Fatal(v, err)
	}
	lost := false
	f.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Method == http.MethodPost && !lost {
			lost = true
			return platform.Fault{Kind: platform.FaultLoseReply}
		}
		return platform.Fault{}
	})
	if err := w.Activate(ctx, []cloud.Share{{Version: id, Percent: 100}}, "hello", false); !errors.Is(err,
		cloud.ErrUnknown) {
		t.Fatal(err)
	}
	all, err := w.Activations(ctx)
	if err != nil || len(all) != 2 || all[0].Message != "hello" ||
		!reflect.DeepEqual(all[0].Versions, []cloud.Share{{Version: id, Percent: 100}}) {
		t.Fatal(all, err)
	}
	if tag, err := w.MigrationTag(ctx); tag != "" || err != nil {
		t.Fatal(tag, err)
	}
	if on, err := w.URLEnabled(ctx); on || err != nil {
		t.Fatal("on before it was enabled", err)
	}
	if err := w.EnableURL(ctx); err != nil {
		t.Fatal(err)
	}
	if on, err := w.URLEnabled(ctx); !on || err != nil {
		t.Fatal("off after it was enabled", err)
	}
	if on, err := a.Workers("nobody").URLEnabled(ctx); on || err != nil {
		t.Fatal("the address of no script is on", err)
	}
	if got, err := w.URL(ctx); err != nil || got == "" {
		t.Fatal(got, err)
	}
	_, err = a.Workers("nobody").Version(ctx, id)
	if !errors.Is(err, cloud.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestPatchSettings(t *testing.T) {
	p, a := onPlatform(t)
	w := a.Workers("blog")
	if err := w.PatchSettings(t.Context(),
		map[string]json.RawMessage{"logpush": json.RawMessage("true")}); !errors.Is(err, cloud.ErrNotFound) {
		t.Errorf("without a script: %v", err)
	}
	module := cloud.Module{Name: "m.js", Type: "application/javascript+module", Content: []byte("export default {}")}
	worker := cloud.Worker{Main: "m.js", Modules: []cloud.Module{module}, CompatibilityDate: "2026-01-01"}
	if err := w.PutScript(t.Context(), cloud.Upload{Worker: worker}); err != nil {
		t.Fatal(err)
	}
	if err := w.PatchSettings(t.Context(), map[string]json.RawMessage{"logpush": json.RawMessage("true")}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		p.BaseURL+"/accounts/"+p.AccountID+"/workers/scripts/blog/script-settings", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct{ Result struct{ Logpush bool } }
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || !got.Result.Logpush {
		t.Errorf("the script's settings are %+v, %v", got, err)
	}
}

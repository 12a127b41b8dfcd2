package kvsync_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// The cache time of responses is part of a version: a change of it alone is deployed, and the same
// value again is not.
func TestEdgeCacheIsPartOfTheVersion(t *testing.T) {
	w := start(t)
	src := history(one)[0]
	w.mustDeploy(src)
	for i, seconds := range []int{3600, 60, 0} {
		w.config.Serving.EdgeCache = seconds
		var res *kvsync.Result
		kinds := w.counted(func() { res = w.mustDeploy(src) })
		if !res.Switched || !res.Plan.WorkerChanged || res.Uploaded != 0 {
			t.Errorf("%d seconds: %+v", seconds, res.Plan)
		}
		if countOf(kinds, "workers.versions.create") != 1 {
			t.Errorf("%d seconds: %v", seconds, kinds)
		}
		if got := w.manifest().Serving.EdgeCache; got != seconds {
			t.Errorf("stored are %d seconds, want %d", got, seconds)
		}
		served, err := manifest.EncodeServed(w.manifest())
		if err != nil || bytes.Contains(served, []byte(`"edge_cache":`)) != (i < 2) {
			t.Errorf("%d seconds: served %s, %v", seconds, served[64:], err)
		}
		if again := w.mustDeploy(src); again.Switched {
			t.Errorf("%d seconds: the same was deployed again", seconds)
		}
	}
}

// So are the memory for small blobs and the header that shows its use.
func TestMemoryCacheIsPartOfTheVersion(t *testing.T) {
	w := start(t)
	src := history(one)[0]
	w.mustDeploy(src)
	off, some := int64(0), int64(1<<20)
	for _, tc := range []struct {
		bytes  *int64
		status bool
		served string
	}{
		{&some, false, `"memory_cache":1048576`},
		{&off, false, `"memory_cache":0`},
		{&off, true, `"cache_status":true`},
		{nil, false, `"types":`},
	} {
		w.config.Serving.MemoryCache, w.config.Serving.CacheStatus = tc.bytes, tc.status
		if res := w.mustDeploy(src); !res.Switched || !res.Plan.WorkerChanged || res.Uploaded != 0 {
			t.Errorf("%+v: %+v", tc, res.Plan)
		}
		served, err := manifest.EncodeServed(w.manifest())
		if err != nil || !bytes.Contains(served, []byte(tc.served)) {
			t.Errorf("%+v: served %s, %v", tc, served[64:], err)
		}
		if again := w.mustDeploy(src); again.Switched {
			t.Errorf("%+v: the same was deployed again", tc)
		}
	}
}

// The metadata of the upload equals that of wrangler.
func TestEdgeCacheIsUploaded(t *testing.T) {
	w := start(t)
	src := history(one)[0]
	cached := script
	cached.Settings = map[string]json.RawMessage{"cache_options": json.RawMessage(`{"enabled":true}`)}
	res, err := w.engine().Deploy(t.Context(), src, cached, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.runtimeOf(res.Version)["cache_options"]; got != `{"enabled":true}` {
		t.Errorf("the version has cache_options %s", got)
	}
}

// runtimeOf is the version's script_runtime as the API shows it.
func (w *world) runtimeOf(version string) map[string]string {
	w.t.Helper()
	var shown struct {
		Result struct {
			Resources struct {
				Runtime map[string]json.RawMessage `json:"script_runtime"`
			}
		}
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet,
		w.p.BaseURL+"/accounts/"+w.p.AccountID+"/workers/scripts/blog/versions/"+version, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.p.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&shown); err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for name, raw := range shown.Result.Resources.Runtime {
		out[name] = string(raw)
	}
	return out
}

// Responses of a project must not be cached by Workers Caching, because its key has the version of
// the loader, which does not change with the project.
func TestNoEdgeCacheForProjects(t *testing.T) {
	w := startProject(t)
	w.config.Serving.EdgeCache = 3600
	src := history(one)[0]
	w.mustDeploy(src)
	w.wantProject(src.files) // which encodes its manifest
	b, err := w.account.Store(w.config.Namespace).Get(t.Context(), "project/shop/b/"+w.running("served").(string))
	if err != nil || bytes.Contains(b, []byte("edge_cache")) {
		t.Errorf("served: %s, %v", b, err)
	}
}

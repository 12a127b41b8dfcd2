package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// The index names only keys that are in KV. So it may not be in the uploaded folder, and a dry
// run does not write it.
func TestIndexNamesUploadedFiles(t *testing.T) {
	f := platformtest.Start(t)
	root := project(t)
	in := inputs(root, f)
	in.Getenv = func(name string) string { return map[string]string{"KV_SYNC_LAYOUT": "kv-assets"}[name] }
	sync := func(o app.KVAssetsSync) (app.Written, error) {
		t.Helper()
		_, written, err := open(t, in).SyncKVAssets(t.Context(), o)
		return written, err
	}
	_, err := sync(app.KVAssetsSync{Output: "public/assets.bin"})
	if e := app.Explain(advice.Terminal, err); e == nil || e.Kind != app.KindUsage {
		t.Errorf("an index among the files: %v", err)
	}
	if n := len(f.Server.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}

	index := filepath.Join(root, "data/assets.bin")
	o := app.KVAssetsSync{Output: "data/assets.bin", DryRun: true}
	if written, err := sync(o); err != nil || written != app.Generated {
		t.Fatalf("%v, %v", written, err)
	}
	if _, err := os.Stat(index); err == nil {
		t.Error("a dry run wrote an index of files that were not uploaded")
	}
	o.DryRun = false
	if _, err := sync(o); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "public/index.html"), []byte("<h1>two</h1>"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.DryRun = true
	if written, err := sync(o); err != nil || written != app.Updated {
		t.Fatalf("%v, %v", written, err)
	}
	if after, err := os.ReadFile(index); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a dry run changed the index; %v", err)
	}
}

package kvsync_test

import (
	"fmt"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// many is a site of more files than a deploy would upload without a receipt.
func many(n int, changed string) files {
	f := files{}
	for i := range n {
		f[fmt.Sprintf("/page-%02d.html", i)] = fmt.Sprintf("%s %d", changed, i)
	}
	return f
}

func (w *world) uploadAhead(src kvsync.Source) *kvsync.Ahead {
	w.t.Helper()
	a, err := w.engine().UploadAhead(w.t.Context(), src, w.worker(), kvsync.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestDeployAfterAnUploadAhead(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := history(many(30, "old"), many(30, "new"))
	w.mustDeploy(c[0])
	a := w.uploadAhead(c[1])
	if !a.Receipt || a.Uploaded != 30 {
		t.Fatalf("%+v", a)
	}
	w.wantSite(c[0].files)
	res := w.mustDeploy(c[1])
	if res.Uploaded != 0 || res.Plan.Ahead != 30 {
		t.Errorf("uploaded %d, %d were there", res.Uploaded, res.Plan.Ahead)
	}
	w.wantSite(c[1].files)
}

package app_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// A check needs no account. It reads only the files that changed since the newest cached manifest
// of the site, and refuses the same files as a deploy.
func TestCheckReadsOnlyChanges(t *testing.T) {
	isolateGit(t)
	f := platformtest.Start(t)
	r := newRepo(t)
	for i := range 60 {
		r.write(fmt.Sprintf("public/%02d/page.html", i), fmt.Sprint(i))
	}
	r.write("elsewhere/index.html", "of another site")
	r.commit("one")
	in := inputsOf(t, r.dir, "checked", f)
	offline := in
	offline.Token, offline.AccountID, offline.BaseURL = "", "", ""
	check := func(in app.Inputs) (objects.Reads, error) {
		t.Helper()
		site := open(t, in)
		err := site.Check(t.Context())
		reads := site.Reads()
		reads.Bytes = 0
		return reads, err
	}
	whole, err := check(offline)
	if err != nil || whole.Blobs != 60 {
		t.Fatalf("a first check reads %+v, %v", whole, err)
	}
	for _, dir := range []string{"public", "elsewhere"} { // elsewhere is the folder of another site
		in := in
		if in.Directory = dir; dir == "elsewhere" {
			in.Name = "another"
		}
		if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	r.write("public/07/page.html", "changed")
	r.commit("two")
	little := objects.Reads{Commits: 1, Trees: 3, Blobs: 1, Sizes: 1}
	if reads, err := check(offline); err != nil || reads != little {
		t.Errorf("%+v was read, want %+v; %v", reads, little, err)
	}

	// A damaged cache is ignored.
	damaged := offline
	damaged.CacheDir = t.TempDir()
	home := filepath.Join("kv-sync", "manifests")
	entries, err := os.ReadDir(filepath.Join(in.CacheDir, home))
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	if err := os.MkdirAll(filepath.Join(damaged.CacheDir, home), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(in.CacheDir, home, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 0 { // a first deploy caches an empty value
			b[len(b)-2] ^= 1 // of the last folder's id
		}
		if err := os.WriteFile(filepath.Join(damaged.CacheDir, home, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if reads, err := check(damaged); err != nil || reads.Blobs != whole.Blobs {
		t.Errorf("with a damaged cache %+v was read; %v", reads, err)
	}

	r.write("public/08/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
	r.commit("three")
	_, err = check(offline)
	if refused := (*manifest.RefusedError)(nil); !errors.As(err, &refused) || len(refused.Problems) != 1 {
		t.Errorf("a private key: %v", err)
	}
}

package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout/pathname"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// In the pathname layout a deploy writes only files, and the commands for deployments are refused.
func TestPathnameLayout(t *testing.T) {
	f := platformtest.Start(t)
	root := project(t)
	if err := os.WriteFile(filepath.Join(root, "kv-sync.toml"), []byte("layout = \"pathname\"\ndirectory = \"public\"\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	in := inputs(root, f)
	in.Name, in.Project = "", "shop"
	site := open(t, in)
	p, err := site.Plan(t.Context(), plan.Options{})
	if err != nil || len(p.Added) != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	res, err := site.Deploy(t.Context(), plan.Options{})
	if err != nil || !res.Switched || res.Uploaded != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, r := range f.Server.Requests() {
		switch r.Kind {
		case "kv.namespaces.list", "kv.namespaces.create", "kv.values.get", "kv.values.put", "kv.bulk.put":
		default:
			t.Errorf("a deploy of files alone sent %s", r.Kind)
		}
	}
	_, rollback := site.Rollback(t.Context(), kvsync.RollbackOptions{})
	_, prune := site.Prune(t.Context(), app.Prune{})
	_, history := site.History(t.Context())
	_, verify := site.Verify(t.Context(), false)
	for command, err := range map[string]error{"rollback": rollback, "prune": prune, "history": history,
		"verify": verify} {
		if e := app.Explain(advice.Terminal, err); e == nil || e.Guard != guard.Layout || e.Fix == "" {
			t.Errorf("%s: %v", command, err)
		}
	}

	in.Project, in.Name = "", "tides"
	if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); app.Explain(advice.Terminal,
		err).Guard != guard.Layout {
		t.Errorf("a site was deployed in the layout of projects: %v", err)
	}
}

// The pathname layout in the shared kv-sync.toml applies to the projects, not to the Worker beside
// them that loads them. That Worker is deployed in the default layout.
func TestPathnameLayoutBesideTheLoader(t *testing.T) {
	f := platformtest.Start(t)
	root := project(t)
	for name, text := range map[string]string{"kv-sync.toml": "layout = \"pathname\"\ndirectory = \"public\"\n",
		"projects/shop/public/index.html": "shop"} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := inputs(root, f)
	in.Name = "platform"
	site := open(t, in)
	if _, err := site.Deploy(t.Context(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	if v, err := site.Verify(t.Context(), true); err != nil || !v.Whole() || len(v.Deployments) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	in.Name, in.Project = "", "shop"
	if p, err := open(t, in).Plan(t.Context(), plan.Options{}); err != nil || p.Layout != "pathname" {
		t.Errorf("%+v, %v", p, err)
	}
}

// After a deploy in the pathname layout failed midway, the fix says that old and new files may be
// mixed.
func TestUnfinishedDeployInPlace(t *testing.T) {
	f := platformtest.Start(t)
	root := project(t)
	in := inputs(root, f)
	in.Name, in.Project = "", "shop"
	in.Getenv = func(name string) string { return map[string]string{"KV_SYNC_LAYOUT": "pathname"}[name] }
	f.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if r.Kind == "kv.bulk.put" {
			return platform.Fault{Kind: platform.FaultStatus, Status: 403}
		}
		return platform.Fault{}
	})
	_, err := open(t, in).Deploy(t.Context(), plan.Options{})
	want := "some files may be new and others not yet; run the same command again to finish"
	if e := app.Explain(advice.Terminal, err); e.Kind != app.KindAPI || !strings.HasSuffix(e.Fix, "; "+want) {
		t.Errorf("%+v", e)
	}
	if e := app.Explain(advice.Terminal, fmt.Errorf("%w; %w", context.Canceled, pathname.ErrUnfinished)); e.Fix != want {
		t.Errorf("%+v", e)
	}
}

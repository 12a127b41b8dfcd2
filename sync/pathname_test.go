package kvsync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/guard"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/pathname"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

// FuzzPathnameDeploys deploys random trees, one after the other, while requests fail and runs die
// at random. The manifest is true at every moment. After a deploy that succeeds, exactly its files
// exist.
func FuzzPathnameDeploys(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			s := newFaultyStore()
			calm := false
			s.fault = func() storeFault {
				if calm || rnd.IntN(4) > 0 {
					return none
				}
				return storeFault(1 + rnd.IntN(int(deadAfter)))
			}
			for round := range 8 {
				tree := randomTree(rnd)
				src := &memory{files: tree, hashed: rnd.IntN(2) == 0}
				opt := plan.Options{AllowShrink: true, Repair: rnd.IntN(8) == 0}
				calm, s.dead = round == 7, false
				_, err := s.engine(t).Deploy(t.Context(), src, cloud.Worker{}, opt)
				if len(s.broken) > 0 {
					t.Fatalf("round %d: %q", round, s.broken)
				}
				if err == nil {
					s.wantProject(t, tree)
				} else if calm || !errors.Is(err, pathname.ErrUnfinished) {
					t.Fatal(err)
				}
				if err != nil || rnd.IntN(2) == 0 {
					continue
				}
				// Once more: it reads the manifest and writes nothing.
				s.reads, s.writes = 0, 0
				if res, err := s.engine(t).Deploy(t.Context(), src, cloud.Worker{},
					plan.Options{AllowShrink: true}); err != nil || !res.Plan.NoChange || res.Switched || s.reads != 1 ||
					s.writes != 0 {
					t.Fatalf("no change: %+v, %v, %d reads, %d writes", res, err, s.reads, s.writes)
				}
			}
		})
	})
}

func randomTree(rnd *rand.Rand) files {
	tree := files{}
	for _, name := range []string{"/index.html", "/a b.html", "/ü/index.html", `/"quoted".txt`, "/100%.css", "/x+y?z#.js",
		"/\x01\u2028", "/<&>"} {
		if rnd.IntN(3) > 0 {
			tree[name] = fmt.Sprint(name, rnd.IntN(3))
		}
	}
	return tree
}

// Promises 3 and 6 hold in this layout. The test injects each fault into each write of a deploy,
// and then deploys the same tree or the one before.
func TestPathnameDeployCanFailAnywhere(t *testing.T) {
	before := files{"/same": "same", "/changed": "old", "/removed": "removed"}
	after := files{"/same": "same", "/changed": "new", "/added": "added", "/added too": "added"}
	for what := refused; what <= deadAfter; what++ {
		for failing := 1; failing <= 5; failing++ {
			for _, next := range []files{after, before, {"/other": "other"}} {
				synctest.Test(t, func(t *testing.T) {
					s := newFaultyStore()
					deploy := func(tree files) error {
						_, err := s.engine(t).Deploy(t.Context(), &memory{files: tree}, cloud.Worker{}, plan.Options{AllowShrink: true})
						return err
					}
					if err := deploy(before); err != nil {
						t.Fatal(err)
					}
					n := 0
					s.fault = func() storeFault {
						if n++; n == failing {
							return what
						}
						return none
					}
					// five writes: announce, write, name, remove, settle
					if err := deploy(after); (err == nil) != (what == someLeft) || n < failing {
						t.Fatalf("fault %d at write %d of %d: %v", what, failing, n, err)
					}
					if _, stays := s.values["project/shop/assets/removed"]; !stays &&
						strings.Contains(s.values["project/shop/manifest"], `"/removed":`) {
						t.Error("a removed file is gone before the manifest without it is confirmed")
					}
					s.fault, s.dead = func() storeFault { return none }, false
					if err := deploy(next); err != nil {
						t.Fatal(err)
					}
					s.wantProject(t, next)
					if len(s.broken) > 0 {
						t.Errorf("fault %d at write %d: %q", what, failing, s.broken)
					}
				})
			}
		}
	}
}

func TestPathnameGuards(t *testing.T) {
	many := files{}
	for i := range 10 {
		many[fmt.Sprintf("/%d", i)] = "x"
	}
	storeWith := func(t *testing.T, tree files) *faultyStore {
		s := newFaultyStore()
		synctest.Test(t, func(t *testing.T) {
			if _, err := s.engine(t).Deploy(t.Context(), &memory{files: tree}, cloud.Worker{}, plan.Options{}); err != nil {
				t.Fatal(err)
			}
		})
		return s
	}
	try := func(t *testing.T, s *faultyStore, tree files, opt plan.Options) (err error) {
		synctest.Test(t, func(t *testing.T) {
			s.writes = 0
			if _, err = s.engine(t).Deploy(t.Context(), &memory{files: tree}, cloud.Worker{}, opt); err != nil && s.writes > 0 {
				t.Errorf("it wrote and then said %v", err)
			}
		})
		return err
	}
	t.Run("shrink", func(t *testing.T) {
		s := storeWith(t, many)
		wantShrink(t, try(t, s, files{"/0": "x"}, plan.Options{}), many, files{"/0": "x"})
		wantShrink(t, try(t, s, files{}, plan.Options{}), many, files{})
		s.wantProject(t, many)
		if err := try(t, s, files{}, plan.Options{AllowShrink: true}); err != nil {
			t.Fatal(err)
		}
		s.wantProject(t, files{})
	})
	t.Run("foreign manifest", func(t *testing.T) {
		for _, foreign := range []string{"", "null", "[]", "<html>", `{"/a":1}`, `{"index.html":{"etag":"x"}}`,
			`{"kv-sync":{"unsettled":["a"]}}`, `"x"`} {
			s := storeWith(t, many)
			s.values["project/shop/manifest"] = foreign
			err := try(t, s, many, plan.Options{})
			wantCase(t, err, guard.Foreign, finding.CaseForeignManifest)
			// What lies there counts for the guard, and goes when it is not wanted.
			wantShrink(t, try(t, s, files{"/0": "x"}, plan.Options{TakeOver: true}), many, files{"/0": "x"})
			less := maps.Clone(many)
			delete(less, "/9")
			if err := try(t, s, less, plan.Options{TakeOver: true}); err != nil {
				t.Fatal(err)
			}
			s.wantProject(t, less)
		}
	})
	t.Run("manifest of another tool", func(t *testing.T) {
		// ETags as worker-bundler makes them, a type that it did not know, and the
		// {} that the recipe makes of a Map.
		for _, theirs := range []string{
			`{"/0":{"contentType":"text/plain","etag":"0732d858"},"/1":{"etag":"00ff"},"/gone":{}}`, "{}",
		} {
			s := newFaultyStore()
			s.values["project/shop/manifest"], s.values["project/shop/assets/gone"] = theirs, "gone"
			if err := try(t, s, many, plan.Options{}); err != nil {
				t.Fatal(err)
			}
			if theirs == "{}" { // nobody knows of the file, until it is looked for
				if err := try(t, s, many, plan.Options{Repair: true}); err != nil {
					t.Fatal(err)
				}
			}
			s.wantProject(t, many)
		}
	})
	t.Run("what is unsettled is not believed", func(t *testing.T) {
		s := storeWith(t, many)
		s.values["project/shop/assets/4"] = "?"
		s.values["project/shop/manifest"] = strings.Replace(s.values["project/shop/manifest"], "{",
			`{"kv-sync":{"unsettled":["/4"]},`, 1)
		p, err := s.engine(t).Plan(t.Context(), &memory{files: many}, cloud.Worker{}, plan.Options{})
		if err != nil || !slices.ContainsFunc(p.Notices, func(n manifest.Problem) bool {
			return strings.Contains(n.Reason,
				"has not finished")
		}) {
			t.Errorf("the plan does not say that a deploy has not finished: %+v, %v", p, err)
		}
		if err := try(t, s, many, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		s.wantProject(t, many)
	})
	t.Run("repair", func(t *testing.T) {
		s := storeWith(t, many)
		delete(s.values, "project/shop/assets/3")
		s.values["project/shop/assets/4"], s.values["project/shop/assets/stray"] = "damaged", "stray"
		if err := try(t, s, many, plan.Options{Repair: true}); err != nil {
			t.Fatal(err)
		}
		s.wantProject(t, many)
	})
	t.Run("strays outlive no run that died", func(t *testing.T) {
		for manifest, opt := range map[string]plan.Options{"<html>": {TakeOver: true}, "": {Repair: true}} {
			s := storeWith(t, many)
			if manifest != "" {
				s.values["project/shop/manifest"] = manifest
			}
			s.values["project/shop/assets/stray"] = "stray"
			requests := 0
			s.fault = func() storeFault { // the files are written, the manifest is not
				if requests++; requests == 2 {
					return deadAfter
				}
				return none
			}
			if _, err := s.engine(t).Deploy(t.Context(), &memory{files: many}, cloud.Worker{}, opt); !errors.Is(err,
				pathname.ErrUnfinished) {
				t.Fatal(err)
			}
			s.fault, s.dead = func() storeFault { return none }, false
			if err := try(t, s, many, plan.Options{}); err != nil {
				t.Fatal(err)
			}
			s.wantProject(t, many)
		}
	})
	t.Run("limits", func(t *testing.T) {
		longest := "/" + strings.Repeat("ü", (512-len("project/shop/assets/"))/2)
		err := try(t, newFaultyStore(), files{longest: "x", longest + "x": "x", "/large": strings.Repeat("x", 25<<20+1),
			"/\xff": "x"}, plan.Options{})
		var refused *manifest.RefusedError
		if !errors.As(err, &refused) || len(refused.Problems) != 3 {
			t.Fatalf("got %v, want three files refused", err)
		}
		for i, want := range []string{"25.0 MiB", "513 bytes", "not UTF-8"} {
			if p := refused.Problems[i]; !strings.Contains(p.Reason, want) {
				t.Errorf("problem %d is %s, want %q", i, p, want)
			}
		}
		s := newFaultyStore()
		if err := try(t, s, files{longest: "x"}, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		s.wantProject(t, files{longest: "x"})
	})
	t.Run("site", func(t *testing.T) {
		_, err := kvsync.New(site.Config{Site: "blog", Layout: "pathname", Account: faultyAccount{newFaultyStore()}})
		wantGuard(t, err, guard.Layout)
		for _, id := range []string{"", "..", "a/b", "A", "shop2/", strings.Repeat("a", 64)} {
			if _, err := kvsync.New(site.Config{Project: id, Account: faultyAccount{newFaultyStore()}}); err == nil {
				t.Errorf("%q passes for a project's id", id)
			}
		}
	})
	t.Run("commands", func(t *testing.T) {
		e := newFaultyStore().engine(t)
		for command, run := range map[string]func() error{
			"rollback": func() error { _, err := e.Rollback(t.Context(), kvsync.RollbackOptions{}); return err },
			"history":  func() error { _, err := e.History(t.Context()); return err },
			"prune":    func() error { _, err := e.Prune(t.Context(), layout.PruneOptions{}); return err },
			"verify":   func() error { _, err := e.Verify(t.Context(), false); return err },
			"upload ahead": func() error {
				_, err := e.UploadAhead(t.Context(), &memory{}, cloud.Worker{}, plan.Options{})
				return err
			},
		} {
			err := run()
			wantGuard(t, err, guard.Layout)
			if !strings.Contains(err.Error(), command) {
				t.Errorf("%s: %v", command, err)
			}
		}
	})
}

// A file that differs only in its type is not sent again. If the API accepts deletes and never does
// them, a run does not repeat them forever.
func TestPathnameDeleteGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		if _, err := s.engine(t).Deploy(t.Context(), &memory{files: files{"/a": "a", "/b": "b", "/c": "c", "/d": "d"}},
			cloud.Worker{}, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		account := faultyAccount{s}
		sent := map[string]bool{}
		e, err := kvsync.New(site.Config{Project: "shop", Layout: "pathname", Account: notDeleting{account, sent},
			Namespace: "ns"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Deploy(ctx, &memory{files: files{"/a": "a", "/b": "b"}}, cloud.Worker{}, plan.Options{})
		if !errors.Is(err, pathname.ErrUnfinished) || errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(err.Error(), "/assets/c") {
			t.Errorf("got %v", err)
		}
		if want := map[string]bool{"project/shop/assets/c": true, "project/shop/assets/d": true}; !maps.Equal(sent, want) {
			t.Errorf("deleted were %v, want %v", sent, want)
		}
	})
}

// notDeleting is an account that reports each key as not deleted, and also reports a key of somebody
// else. It records what was to be deleted.
type notDeleting struct {
	faultyAccount
	sent map[string]bool
}

func (n notDeleting) Store(string) cloud.Store { return notDeletingStore{n.faultyStore, n.sent} }

type notDeletingStore struct {
	*faultyStore
	sent map[string]bool
}

func (n notDeletingStore) DeleteBulk(_ context.Context, keys []string) ([]string, error) {
	for _, k := range keys {
		n.sent[k] = true
	}
	return append(slices.Clone(keys), "project/shop2/manifest"), nil
}

func TestPathnameManifestTooLarge(t *testing.T) {
	many := files{}
	for i := range 50_000 {
		many[fmt.Sprintf("/%0430d", i)] = "x"
	}
	s := newFaultyStore()
	before := maps.Clone(s.values)
	_, err := s.engine(t).Deploy(t.Context(), &memory{files: many}, cloud.Worker{}, plan.Options{})
	wantGuard(t, err, guard.Layout)
	if !maps.Equal(before, s.values) {
		t.Error("something was written")
	}
}

func TestPathnameContentTypeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		tree := files{"/a": "a", "/b": "b"}
		if _, err := s.engine(t).Deploy(t.Context(), &memory{files: tree}, cloud.Worker{}, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		s.values["project/shop/manifest"] = strings.Replace(s.values["project/shop/manifest"], "text/plain; charset=utf-8",
			"text/x", 1)
		s.writes = 0
		res, err := s.engine(t).Deploy(t.Context(), &memory{files: tree}, cloud.Worker{}, plan.Options{})
		if err != nil || len(res.Plan.Changed) != 1 || res.Uploaded != 0 || res.Plan.Writes != 1 || s.writes != 1 {
			t.Fatalf("%+v, %v, %d writes", res.Plan, err, s.writes)
		}
		s.wantProject(t, tree)
	})
}

// The plan says what will change, that there is no switch, and which settings have no effect.
func TestPathnamePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFaultyStore()
		if _, err := s.engine(t).Deploy(t.Context(), &memory{files: files{"/same": "s", "/changed": "1", "/removed": "r"}},
			cloud.Worker{}, plan.Options{}); err != nil {
			t.Fatal(err)
		}
		before := maps.Clone(s.values)
		e, err := kvsync.New(site.Config{Project: "shop", Layout: "pathname", Account: faultyAccount{s},
			NamespaceTitle: "mine", Serving: manifest.Serving{NotFound: "none"}})
		if err != nil {
			t.Fatal(err)
		}
		src := ruled{&memory{files: files{"/same": "s", "/changed": "22", "/added": "a"}}}
		p, err := e.Plan(t.Context(), src, cloud.Worker{}, plan.Options{})
		if err != nil {
			t.Fatal(err)
		}
		one := func(path string, size int64) []plan.Change { return []plan.Change{{Path: path, Size: size}} }
		if !slices.Equal(p.Added, one("/added", 1)) || !slices.Equal(p.Changed, one("/changed", 2)) ||
			!slices.Equal(p.Removed, one("/removed", 0)) ||
			p.Unchanged != 1 || p.Blobs != 2 || p.Bytes != 3 || p.Writes != 5 || p.First || p.NoChange {
			t.Errorf("%+v", p)
		}
		for _, want := range []string{"no switch", "_redirects and _headers", "missing pages"} {
			if !slices.ContainsFunc(p.Notices, func(n manifest.Problem) bool { return strings.Contains(n.String(), want) }) {
				t.Errorf("no notice says %q: %v", want, p.Notices)
			}
		}
		if !maps.Equal(s.values, before) {
			t.Error("planning wrote")
		}
	})
}

// ruled is a source with a _redirects file.
type ruled struct{ *memory }

func (r ruled) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	l, err := r.memory.Files(ctx, base)
	l.Redirects = []manifest.Redirect{{From: "/old", To: "/new", Status: 301}}
	return l, err
}

// Every pathname reaches Cloudflare's API as it is, in bulk writes, raw bodies
// and deletes, through the real adapter and the local platform.
func TestPathnameKeysOnThePlatform(t *testing.T) {
	w := start(t)
	w.config.Site, w.config.Project, w.config.Layout = "", "shop", "pathname"
	large := strings.Repeat("0123456789", 60_000) // raw, as together they exceed one bulk write
	odd := files{
		"/ü.html": large, "/a b.html": large, "/100%25.html": large, "/x+y&z=1.html": large, "/q?.html": large,
		"/h#.html": large, "/%2e%2e/%2F": large,
		`/"quoted"`: "small", "/%.css": "small", "/?#+ &": "small", "/e\u0301/e": "small", "/...": "small",
		"/日本/語": "small",
	}
	deploy := func(tree files) *kvsync.Result {
		t.Helper()
		res, err := w.engine().Deploy(t.Context(), &memory{files: tree}, cloud.Worker{}, plan.Options{AllowShrink: true})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	keys := func() files {
		id, err := w.account.FindNamespace(t.Context(), "kv-sync")
		if err != nil {
			t.Fatal(err)
		}
		found := files{}
		page, _, err := w.account.Store(id).List(t.Context(), "project/shop/", "")
		for _, k := range page {
			b, err := w.account.Store(id).Get(t.Context(), k.Name)
			if err != nil {
				t.Fatal(err)
			}
			found[strings.TrimPrefix(k.Name, "project/shop/assets")] = string(b)
		}
		delete(found, "project/shop/manifest")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	kinds := w.counted(func() { deploy(odd) })
	if !slices.Contains(kinds, "kv.bulk.put") || !slices.Contains(kinds, "kv.values.put") {
		t.Fatalf("want raw bodies and a bulk write: %v", kinds)
	}
	if got := keys(); !maps.Equal(got, odd) {
		t.Errorf("there is %v", keysOf(got))
	}
	if kinds = w.counted(func() { deploy(odd) }); !slices.Equal(kinds, []string{"kv.namespaces.list", "kv.values.get"}) {
		t.Errorf("no change: %v", kinds)
	}
	deploy(files{"/": "x"})
	if got := keys(); !maps.Equal(got, files{"/": "x"}) {
		t.Errorf("there is %v", keysOf(got))
	}
}

// For any value of the manifest's key, a plan says what it would do or why it cannot, and only
// keys of the project are deleted.
func FuzzPathnameManifest(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"/a":{"contentType":"text/plain","etag":"x"}}`,
		`{"kv-sync":{"unsettled":["/a","/../../shop2/manifest"]}}`,
		`{"/a":null,"/__proto__":{"etag":1}}`, `{"/a":{"etag":"x"},"/a":{"etag":"y"}}`, "{\"/\xff\":{}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := newFaultyStore()
			s.values["project/shop/manifest"] = string(manifest)
			tree := files{"/a": "a"}
			_, err := s.engine(t).Deploy(t.Context(), &memory{files: tree}, cloud.Worker{}, plan.Options{AllowShrink: true})
			if err != nil {
				wantGuard(t, err, guard.Foreign)
				if !bytes.Equal([]byte(s.values["project/shop/manifest"]), manifest) {
					t.Fatal("it was refused and written")
				}
				return
			}
			s.wantProject(t, tree)
		})
	})
}

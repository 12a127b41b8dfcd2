package content

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
	"github.com/kv-sync/kv-sync/sync/version"
)

// A file that a redirect hid is not published by removing it together with the redirect.
func TestNothingRedirectedIsRetired(t *testing.T) {
	t.Parallel()
	e := &Content{Client: &site.Client{Target: keyed("blog"),
		Config: site.Config{Site: "blog", Grace: 24 * time.Hour, Retain: 5,
			Account: timedAccount{clock: time.Now}}}}
	hides := &manifest.Manifest{Routing: &manifest.Routing{}, Assets: []manifest.Asset{{Path: "/a.txt"},
		{Path: "/drafts/x.txt"}}, Redirects: []manifest.Redirect{{From: "/drafts/*", To: "/", Status: 302}}}
	next := &manifest.Manifest{Routing: &manifest.Routing{}}
	if stay, guarded := e.retired(next, hides, nil, true); !slices.Equal(pathsOf(stay), []string{"/a.txt"}) ||
		len(guarded) > 0 {
		t.Errorf("%v stay, %v are guarded", pathsOf(stay), guarded)
	}
	if stay, _ := e.retired(next, &manifest.Manifest{Routing: &manifest.Routing{}}, []*manifest.Manifest{hides},
		true); !slices.Equal(pathsOf(stay), []string{"/a.txt"}) {
		t.Errorf("after a rollback %v stay", pathsOf(stay))
	}
	open := &manifest.Manifest{Routing: &manifest.Routing{}, Assets: hides.Assets}
	if stay, _ := e.retired(next, hides, []*manifest.Manifest{open}, true); !slices.Equal(pathsOf(stay),
		[]string{"/a.txt"}) {
		t.Errorf("after a rollback from a deployment without the redirect %v stay", pathsOf(stay))
	}
}

// Removing a file, with or without its guard, does not publish it: files that code
// guarded before or guards now are not retired. All other files are (promise 12).
func TestNothingGuardedIsRetired(t *testing.T) {
	t.Parallel()
	paths := []string{"/assets/app.js", "/index.html", "/open/a.css", "/private.html", "/private/index.html",
		"/private/report.txt"}
	public := map[string][]string{
		"no code":            paths,
		"some pathnames":     {"/assets/app.js", "/index.html", "/open/a.css"},
		"all but some":       {"/open/a.css"},
		"every, some retire": {"/assets/app.js"},
	}
	e := &Content{Client: &site.Client{Target: keyed("blog"),
		Config: site.Config{Site: "blog", Grace: 24 * time.Hour, Retain: 5,
			Account: timedAccount{clock: time.Now}}}}
	var assets []manifest.Asset
	for _, path := range paths {
		assets = append(assets, manifest.Asset{Path: path, Size: 1})
	}
	later := time.Now().Add(time.Hour).Unix()
	for before, was := range routings {
		for after, is := range routings {
			want := slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
				return !slices.Contains(public[before], path) || !slices.Contains(public[after], path)
			})
			for name, live := range map[string]*manifest.Manifest{
				"live":    {Routing: was, Assets: assets},
				"retired": {Routing: was, Retired: retiredUntil(assets, later)},
			} {
				stay, guarded := e.retired(&manifest.Manifest{Routing: is}, live, nil, true)
				if got := pathsOf(stay); !slices.Equal(got, want) || len(guarded) != len(paths)-len(want) {
					t.Errorf("%s, %s then %s: %v stay and %d are guarded, want %v", name, before, after, got, len(guarded), want)
				}
			}
			// A rollback left it: the live deployment never had the files.
			left := []*manifest.Manifest{{Routing: was, Assets: assets}}
			if stay, _ := e.retired(&manifest.Manifest{Routing: is}, &manifest.Manifest{Routing: &manifest.Routing{}}, left,
				true); !slices.Equal(pathsOf(stay), want) {
				t.Errorf("rolled back from %s, then %s: %v stay, want %v", before, after, pathsOf(stay), want)
			}
		}
	}
}

func retiredUntil(assets []manifest.Asset, until int64) (out []manifest.Retired) {
	for _, a := range assets {
		out = append(out, manifest.Retired{Asset: a, Until: until, Left: 3})
	}
	return out
}

func pathsOf(list []manifest.Retired) (out []string) {
	for _, r := range list {
		out = append(out, r.Path)
	}
	return out
}

// In chains of random deployments, no deployment lists a path as retired that its own
// code gets, or that code got in the deployment before it (promise 12).
func TestNothingGuardedIsRetiredInChains(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	e := &Content{Client: &site.Client{Target: keyed("blog"),
		Config: site.Config{Site: "blog", Grace: time.Hour, Retain: 3,
			Account: timedAccount{clock: func() time.Time { return now }}}}}
	kept := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		segment := func() string { return []string{"a", "ab", "ü", "index", "b c"}[r.IntN(5)] }
		path := func() string {
			return "/" + segment() + []string{"", "/" + segment()}[r.IntN(2)] + []string{"", ".html", ".js"}[r.IntN(3)]
		}
		patterns := func(most int) (out []string) {
			for range r.IntN(most) {
				p := manifest.EncodePathname(path())
				if i := 1 + r.IntN(len(p)); r.IntN(2) == 0 {
					p = p[:i] + "*" + []string{"", p[i:]}[r.IntN(2)]
				}
				out = append(out, p)
			}
			return out
		}
		live := &manifest.Manifest{Routing: &manifest.Routing{}}
		for range 6 {
			next := &manifest.Manifest{Routing: &manifest.Routing{Worker: patterns(3), Site: patterns(2)}}
			for i, p := 0, ""; i < 4; i++ {
				if p = path(); next.At(p) == nil {
					next.Assets = append(next.Assets, manifest.Asset{Path: p})
					slices.SortFunc(next.Assets, func(a, b manifest.Asset) int { return strings.Compare(a.Path, b.Path) })
				}
			}
			next.Retired, _ = e.retired(next, live, nil, true)
			kept += len(next.Retired)
			for i, m := range []*manifest.Manifest{live, next} {
				for _, gone := range next.Retired {
					if routerGets(m.Routing, gone.Path) {
						t.Fatalf("seed %d: %s is retired, and code gets it (in %s): %+v", seed, gone.Path,
							[]string{"the deployment before", "this one"}[i], m.Routing)
					}
				}
			}
			live = next
		}
	}
	if kept < 1000 {
		t.Errorf("only %d were retired: the patterns guard nearly everything", kept)
	}
}

// An older kv-sync listed guarded files as retired. The next deployment does not take
// over that list, even if the Worker is the same and its routing is known (promise 12).
func TestRetiredByAnOlderRelease(t *testing.T) {
	t.Parallel()
	e := &Content{Client: &site.Client{Target: keyed("blog"),
		Config: site.Config{Site: "blog", Grace: 24 * time.Hour, Retain: 5,
			Account: timedAccount{clock: time.Now}}}}
	public := &manifest.Routing{}
	for name, c := range map[string]struct {
		recorded *manifest.Routing
		want     []string
	}{"older": {nil, []string{"/app.js"}}, "this one": {public, []string{"/app.js", "/report.txt"}}} {
		deployed := &manifest.Manifest{Routing: c.recorded, Assets: []manifest.Asset{{Path: "/app.js"}},
			Retired: retiredUntil([]manifest.Asset{{Path: "/report.txt"}}, time.Now().Add(time.Hour).Unix())}
		d := &contentDraft{Draft: &layout.Draft{Hash: "same", Worker: cloud.Worker{Routing: public},
			Manifest: &manifest.Manifest{Routing: public}}}
		e.retire(t.Context(), &version.Live{Meta: &version.Meta{Worker: "same"}}, d, deployed)
		if got := pathsOf(d.Manifest.Retired); !slices.Equal(got, c.want) || len(d.Guarded) != 2-len(c.want) ||
			d.RoutingUnknown != (c.recorded == nil) {
			t.Errorf("%s: %v stay, guarded %v, routing unknown %v", name, got, d.Guarded, d.RoutingUnknown)
		}
	}
}

// routings has one routing of each kind, by name.
var routings = map[string]*manifest.Routing{
	"no code":                  {},
	"some pathnames":           {Worker: []string{"/private/*"}},
	"all but some":             {Worker: []string{"/*"}, Site: []string{"/open/*"}},
	"every request":            {Worker: []string{manifest.EveryRequest}},
	"every, some retire":       {Worker: []string{manifest.EveryRequest}, Retire: []string{"/assets/*"}},
	"older kv-sync: not known": nil,
}

// routerGets reports whether the code gets a request for the file. It repeats
// worker/src/router.ts and worker/src/rules/html.ts in a simple way.
func routerGets(r *manifest.Routing, path string) bool {
	matches := func(patterns []string, pathname string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return globByDefinition(p, pathname) })
	}
	pathnames := []string{path}
	if folder, ok := strings.CutSuffix(path, "/index.html"); ok {
		pathnames = append(pathnames, folder, folder+"/")
	} else if stem, ok := strings.CutSuffix(path, ".html"); ok {
		pathnames = append(pathnames, stem, stem+"/")
	}
	return slices.ContainsFunc(pathnames, func(p string) bool {
		p = manifest.EncodePathname(p)
		return !matches(r.Site, p) && matches(r.Worker, p)
	})
}

func globByDefinition(pattern, text string) bool {
	switch {
	case pattern == "":
		return text == ""
	case pattern[0] == '*':
		return globByDefinition(pattern[1:], text) || text != "" && globByDefinition(pattern, text[1:])
	}
	return text != "" && text[0] == pattern[0] && globByDefinition(pattern[1:], text[1:])
}

// timedAccount is an account of which only the time is used.
type timedAccount struct {
	cloud.Account
	clock func() time.Time
}

func (a timedAccount) Time() (time.Time, bool) { return a.clock(), true }

// keyed is a target of which only the keys are used.
func keyed(k manifest.Keys) site.Target { return keyedTarget{keys: k} }

type keyedTarget struct {
	site.Target
	keys manifest.Keys
}

func (t keyedTarget) Keys() manifest.Keys { return t.keys }

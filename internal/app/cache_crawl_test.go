package app_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// cachedSite is a site with a Worker. The responses of its code depend on properties of the
// request that are not in the cache's key, and mostly forbid caching.
var cachedSite = map[string]string{
	"public/index.html":               "home",
	"public/about.html":               "about",
	"public/app.3f2a9c1b.js":          "let app",
	"public/members/page.html":        "for members",
	"public/members/app.0a1b2c3d.js":  "let members",
	"public/members/site/public.html": "not for members alone",
	"public/404.html":                 "lost",
	"public/retired.html":             "what was here before",
	"public/_redirects":               "/old /about 301\n/in-place /about 200\n",
	"public/_headers":                 "/about\n  X-Rule: yes\n",
	"src/index.ts": `export default { async fetch(request: Request, env: any): Promise<Response> {
	const url = new URL(request.url);
	const who = request.headers.get("Authorization") ?? request.headers.get("Cookie");
	if (url.pathname.startsWith("/members/"))
		return who ? env.ASSETS.fetch(request) : new Response("who are you?", { status: 403 });
	if (url.pathname.startsWith("/shared/"))
		return new Response("everybody's " + url.pathname, { headers: { "Cache-Control": "public, max-age=60" } });
	if (url.pathname === "/retired")
		return new Response(who ? "the new page" : "nothing for you", { status: who ? 200 : 404 });
	const { headers } = request;
	const said = ["code", url.hostname, who, headers.get("Accept"), headers.get("Sec-Fetch-Mode")];
	return new Response(said.join(" "), { status: url.pathname === "/gone" ? 404 : 200 });
} };
`,
}

// importing is that code with the site imported. It gets every request, without a module of
// kv-sync in front of it, so it has to set Cache-Control itself.
var importing = "import site from \"@kv-sync/worker/site\";\n" + strings.NewReplacer(
	"env.ASSETS.fetch(request)", "site.fetch(request, env)",
	"{ status: who", `{ headers: { "Cache-Control": "private" }, status: who`,
	"{ status: url", `{ headers: { "Cache-Control": "no-store" }, status: url`,
).Replace(cachedSite["src/index.ts"])

// shape is a request without its path.
type shape struct {
	method string
	host   string
	header map[string]string
}

// shapes are requests that differ in properties that are not in the key of Workers Caching:
// host, Sec-Fetch-Mode, Accept, credentials, Range, conditions and method.
func shapes() []shape {
	var all []shape
	for _, host := range []string{"a", "b"} {
		for _, mode := range []string{"navigate", ""} {
			for _, credentials := range []string{"", "Authorization", "Cookie"} {
				header := map[string]string{"Accept": "text/html"}
				if mode != "" {
					header["Sec-Fetch-Mode"] = mode
				}
				if credentials != "" {
					header[credentials] = "me=1"
				}
				all = append(all, shape{http.MethodGet, host, header})
			}
		}
	}
	return append(all, []shape{
		{http.MethodGet, "a", map[string]string{"Accept": "application/json"}},
		{http.MethodGet, "b", map[string]string{"Accept": "application/json", "Sec-Fetch-Mode": "navigate"}},
		{http.MethodGet, "b", map[string]string{"Accept": "application/json", "Cookie": "me=1"}},
		{http.MethodHead, "a", map[string]string{"Sec-Fetch-Mode": "navigate"}},
		{http.MethodHead, "b", map[string]string{"Cookie": "me=1"}},
		{http.MethodHead, "b", nil},
		{http.MethodPost, "a", nil},
		{http.MethodPost, "a", map[string]string{"Authorization": "me=1"}},
		{http.MethodGet, "a", map[string]string{"Range": "bytes=0-1"}},
		{http.MethodGet, "b", map[string]string{"Range": "bytes=0-1", "Cookie": "me=1"}},
		{http.MethodGet, "b", map[string]string{"Range": "bytes=0-1", "Sec-Fetch-Mode": "navigate"}},
		{http.MethodGet, "b", map[string]string{"If-None-Match": "*"}},
		{http.MethodGet, "a", map[string]string{"If-None-Match": "*", "Authorization": "me=1"}},
	}...)
}

// answer has the parts of a response that matter to a visitor.
type answer struct {
	status                            int
	Location, Type, ETag, Rule, Range string
	body                              string
}

func (a answer) String() string {
	return fmt.Sprintf("%d %q", a.status, []string{a.Location, a.Type, a.ETag, a.Rule, a.Range, a.body})
}

// visit sends a request and returns the answer and its Cf-Cache-Status.
func visit(t *testing.T, base, path string, s shape) (got answer, from string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), s.method, base, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Path, req.Host = path, s.host+".localhost:"+req.URL.Port()
	for name, value := range s.header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	h := res.Header
	got = answer{res.StatusCode, h.Get("Location"), h.Get("Content-Type"), h.Get("Etag"), h.Get("X-Rule"),
		h.Get("Content-Range"), string(body)}
	return got, h.Get("Cf-Cache-Status")
}

// crawl requests each path with every ordered pair of shapes, starting with an empty cache, and
// compares the second answer with that of the same site without a cache. It returns how many
// first answers the cache kept.
func crawl(t *testing.T, f *platformtest.Fixture, cached, plain string, paths []string) (kept int) {
	t.Helper()
	for _, path := range paths {
		var right [][]string
		for _, s := range shapes() {
			right = append(right, rightAnswers(t, f.SiteURL(plain), path, s))
		}
		for i, first := range shapes() {
			f.Server.ClearEdge()
			got, from := visit(t, f.SiteURL(cached), path, first)
			if !slices.Contains(right[i], got.String()) {
				t.Errorf("%s %v, the cache empty: got %s, want %s", path, first, got, right[i][0])
			}
			if from != "MISS" { // the cache kept nothing, so each second request is like a first one
				continue
			}
			kept++
			var wrong []string
			for j, second := range shapes() {
				got, from = visit(t, f.SiteURL(cached), path, second)
				if !slices.Contains(right[j], got.String()) {
					wrong = append(wrong, fmt.Sprintf("%v: got %s (%s), want %s", second, got, from, right[j][0]))
				}
				if from != "HIT" { // the cache may have kept the second answer
					f.Server.ClearEdge()
					visit(t, f.SiteURL(cached), path, first)
				}
			}
			if len(wrong) > 0 {
				t.Errorf("%s after %v: %d wrong answers, the first for %s", path, first, len(wrong), wrong[0])
			}
		}
	}
	return kept
}

// rightAnswers are the answer of a site without a cache, its answer to the same request without
// Range and conditions (a cache sends that request, and may return its answer), and the answer
// that a cache makes from the latter.
func rightAnswers(t *testing.T, base, path string, s shape) []string {
	t.Helper()
	whole := shape{s.method, s.host, maps.Clone(s.header)}
	delete(whole.header, "Range")
	delete(whole.header, "If-None-Match")
	one, _ := visit(t, base, path, s)
	all, _ := visit(t, base, path, whole)
	right := []string{one.String(), all.String()}
	switch part := all; {
	case all.status != http.StatusOK:
	case s.header["Range"] != "": // bytes=0-1
		part.status, part.body = http.StatusPartialContent, all.body[:2]
		part.Range = fmt.Sprintf("bytes 0-1/%d", len(all.body))
		right = append(right, part.String())
	case s.header["If-None-Match"] != "": // *
		part.status, part.Type, part.body = http.StatusNotModified, "", ""
		right = append(right, part.String())
	}
	return right
}

// Promise 9: a cached response is never used for another host, or for a request that the Worker
// answers differently. Each site is deployed with and without Workers Caching. The platform
// simulates that cache in front of real workerd.
func TestCachedAnswersAreRight(t *testing.T) {
	paths := []string{
		"/", "/about", "/about.html", "/app.3f2a9c1b.js", "/old", "/in-place", "/nothing", "/gone", "/retired",
		"/retired.html", "/deep/nothing",
		"/members/page", "/members/page.html", "/members/app.0a1b2c3d.js", "/members/nothing", "/members/site/public",
		"/shared/x",
	}
	const guarded = `"binding": "ASSETS", "run_worker_first": ["/members/*", "!/members/site/*"], `
	for name, tt := range map[string]struct {
		assets string
		files  map[string]string // they replace files of the site
	}{
		// Without run_worker_first, Sec-Fetch-Mode decides whether the site or the code answers.
		"navigation": {assets: `"binding": "ASSETS", "not_found_handling": "single-page-application"`},
		"navigation, rules that allow caching": {assets: `"binding": "ASSETS", "not_found_handling": "404-page"`,
			files: map[string]string{
				"public/_headers": "/*\n  Cloudflare-CDN-Cache-Control: public, max-age=600\n",
			}},
		"an application":   {assets: guarded + `"not_found_handling": "single-page-application"`},
		"the Worker first": {assets: `"binding": "ASSETS", "run_worker_first": true, "not_found_handling": "404-page"`},
		"rules name hosts": {assets: guarded + `"not_found_handling": "404-page"`, files: map[string]string{
			"public/_headers": "https://b.localhost/*\n  X-Rule: b\n/*\n  Cloudflare-CDN-Cache-Control: public, max-age=600\n",
		}},
		"the site is imported": {assets: `"not_found_handling": "404-page"`,
			files: map[string]string{"src/index.ts": importing}},
		"no code": {assets: `"not_found_handling": "single-page-application"`, files: map[string]string{"src/index.ts": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := platformtest.Start(t)
			for script, cache := range map[string]bool{"cached": true, "plain": false} {
				files := maps.Clone(cachedSite)
				maps.Copy(files, tt.files)
				main := `"main": "src/index.ts",`
				if files["src/index.ts"] == "" {
					main = ""
				}
				files["wrangler.jsonc"] = fmt.Sprintf(
					`{ "name": %q, %s "compatibility_date": "2026-01-01", "cache": { "enabled": %t },
					"assets": { "directory": "public", %s } }`, script, main, cache, tt.assets)
				deployTwice(t, f, script, files)
			}
			kept := crawl(t, f, "cached", "plain", paths)
			t.Logf("of %d first answers the cache kept %d", len(paths)*len(shapes()), kept)
			if (kept == 0) != (name == "rules name hosts") {
				t.Errorf("the cache kept %d first answers", kept)
			}
		})
	}
}

// deployTwice deploys files, the second time without public/retired.html.
func deployTwice(t *testing.T, f *platformtest.Fixture, script string, files map[string]string) {
	t.Helper()
	for range 2 {
		root := t.TempDir()
		writeAll(t, root, files)
		if files["src/index.ts"] == "" {
			_ = os.Remove(filepath.Join(root, "src/index.ts"))
		}
		in := inputs(root, f)
		in.Name = script
		if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
			t.Fatal(err)
		}
		files = maps.Clone(files)
		delete(files, "public/retired.html")
	}
}

// loaderSite is the platform of docs/dynamic-workers.md.
var loaderSite = map[string]string{
	"src/index.ts": `import { serveProject } from "@kv-sync/worker/dynamic";
export { AssetBinding } from "@kv-sync/worker/dynamic";
export default { async fetch(request: Request, env: any, ctx: any): Promise<Response> {
	const response = await serveProject(request, new URL(request.url).hostname.split(".")[0]!, env, ctx);
	return response ??
		new Response("There is no such project.", { status: 404, headers: { "Cache-Control": "no-store" } });
} };
`,
	"wrangler.jsonc": `{ "name": "NAME", "main": "src/index.ts", "compatibility_date": "2026-01-01",` +
		` "worker_loaders": [{ "binding": "LOADER" }] }`,
}

// customer returns the project of one customer. The text is in each file, so that the files of
// two customers differ.
func customer(text string) map[string]string {
	return map[string]string{
		"public/index.html":                    text + " home",
		"public/assets/index.1a2b3c4d5e.js":    text + " script",
		"public/assets/" + text + ".0a1b2c.js": text + " alone",
		"public/404.html":                      text + " lost",
		"public/_redirects":                    "/moved /" + text + " 301\n",
		"public/_headers": "/*\n  Cache-Control: public, max-age=3600\n  " +
			"Cloudflare-CDN-Cache-Control: public, max-age=3600\n",
	}
}

// Promise 9, for a platform: a request for a project never gets a cached answer of another
// project. The configuration refuses a cache in front of the loader. A version with such a
// cache, deployed by another tool, is safe too.
func TestProjectsDoNotShareCachedAnswers(t *testing.T) {
	f := platformtest.Start(t)
	root := t.TempDir()
	for script, options := range map[string]string{"cached": `{"enabled":true}`, "plain": `{"enabled":false}`} {
		at := filepath.Join(root, script)
		writeAll(t, at, loaderSite)
		writeAll(t, at, map[string]string{"wrangler.jsonc": strings.Replace(loaderSite["wrangler.jsonc"], "NAME", script, 1)})
		in := inputs(at, f)
		in.Name = script
		site := open(t, in)
		app.SetWorkerSetting(site, "cache_options", options)
		if _, err := site.Deploy(t.Context(), plan.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	code := `export default { fetch(request, env) {
	const { pathname } = new URL(request.url);
	if (!pathname.startsWith("/api/")) return env.ASSETS.fetch(request);
	return new Response("TEXT of " + pathname, pathname === "/api/silent" ? {} : { headers: {
		"Cache-Control": "public, max-age=60", "Cloudflare-CDN-Cache-Control": "public, max-age=600",
		"CDN-Cache-Control": "max-age=60", "Cache-Tag": "x",
	} });
} };`
	for _, project := range []string{"a", "b"} {
		at := filepath.Join(root, "projects", project)
		writeAll(t, at, customer("only-"+project))
		in := inputs(at, f)
		in.Name, in.Project = "", project
		if project == "a" { // project b has no code
			writeAll(t, at, map[string]string{
				"src/index.js": strings.ReplaceAll(code, "TEXT", project),
				"wrangler.jsonc": `{ "name": "x", "main": "src/index.js", "compatibility_date": "2026-01-01", "assets": { ` +
					`"directory": "public" } }`,
			})
		}
		if _, err := open(t, in).Deploy(t.Context(), plan.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	paths := []string{"/", "/index.html", "/assets/index.1a2b3c4d5e.js", "/nothing", "/moved", "/api/x", "/api/silent"}
	if kept := crawl(t, f, "cached", "plain", paths); kept != 0 {
		t.Errorf("the cache kept %d answers of projects", kept)
	}
}

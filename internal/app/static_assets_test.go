package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// staticAssets is a project for Static Assets, without anything for kv-sync.
var staticAssets = map[string]string{
	"public/index.html":          "home",
	"public/about.html":          "about",
	"public/docs/index.html":     "docs",
	"public/app.js":              "let a",
	"public/api/data.json":       `{"from": "a file"}`,
	"public/api/docs/index.html": "docs of the API",
	"public/with space.txt":      "space",
	"public/404.html":            "lost",
	"public/_redirects":          "/old /about 301\n/in-place /about 200\n/astray /nowhere 200\n",
	"public/_headers":            "/app.js\n  X-Rule: yes\n",
	"src/index.ts": `import { DurableObject, WorkerEntrypoint, env as imported } from "cloudflare:workers";
export class Counter extends DurableObject<any> {
	async next() {
		const n = ((await this.ctx.storage.get<number>("n")) ?? 0) + 1;
		await this.ctx.storage.put("n", n);
		return n + " " + (await (await this.env.ASSETS.fetch("https://x/app.js")).text());
	}
}
export class Named extends WorkerEntrypoint<any> {
	async read(url: string) { return (await this.env.ASSETS.fetch(url)).text(); }
}
const said = async (r: Response) => {
	const { pathname } = new URL(r.url);
	const parts = ["asset", r.status, r.headers.get("location"), r.redirected, pathname, await r.text()];
	return new Response(parts.join("|"), { status: 299 });
};
class App {
	#name = "worker";
	async fetch(request: Request, env: any, ctx: any): Promise<Response> {
		const { pathname, searchParams } = new URL(request.url);
		const ask = searchParams.get("ask");
		if (ask) return said(await env.ASSETS.fetch(new URL(ask, request.url)));
		const manual = searchParams.get("manual");
		if (manual !== null)
			return said(await env.ASSETS.fetch(new URL(manual, request.url), { redirect: "manual" }));
		if (searchParams.has("method"))
			return said(await env.ASSETS.fetch(new Request(request.url, { method: "POST", body: "x" })));
		if (searchParams.has("through")) return env.ASSETS.fetch(request);
		if (searchParams.has("imported")) return said(await (imported as any).ASSETS.fetch(request));
		if (searchParams.has("counter")) return new Response(await env.COUNTER.get(env.COUNTER.idFromName("x")).next());
		if (searchParams.has("named")) return new Response(await ctx.exports.Named.read("https://x/docs/"));
		const parts = [this.#name, request.method, pathname, await request.text()];
		return new Response(parts.join(" "), { status: pathname.includes("gone") ? 404 : 200 });
	}
}
export default new App();
`,
}

// The same project is deployed with the real wrangler and with kv-sync. Both answer the same
// requests in the same way: the settings for the order of site and Worker have the same meaning.
func TestStaticAssetsProject(t *testing.T) {
	install, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	wrangler, err := platformtest.InstallWrangler(install)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		assets, date string
		main         string // the value of "main", and further settings; "" means src/index.ts
		replace      map[string]string
	}{
		// Without a 404.html, which kv-sync uses if not_found_handling is not set.
		"nothing set":       {replace: map[string]string{"public/404.html": ""}},
		"404 pages":         {assets: `"not_found_handling": "404-page"`},
		"404 pages, before": {assets: `"not_found_handling": "404-page"`, date: "2025-03-01"},
		"an application":    {assets: `"not_found_handling": "single-page-application"`},
		"worker first":      {assets: `"run_worker_first": true, "not_found_handling": "404-page"`},
		"patterns": {assets: `"run_worker_first": ["/api/*", "!/api/docs/*", "/a*t", "/exact"], ` +
			`"not_found_handling": "none"`},
		"patterns, an app": {assets: `"run_worker_first": ["/api/*", "!/api/docs/*"], ` +
			`"not_found_handling": "single-page-application"`},
		"what a build made": {
			assets: `"run_worker_first": ["/api/*"], "not_found_handling": "none"`,
			main:   `"built/index.mjs", "no_bundle": true, "rules": [{ "type": "ESModule", "globs": ["**/*.mjs"] }]`,
			replace: map[string]string{
				"built/index.mjs": `import { words } from "./parts/words.mjs";
export { Counter } from "./parts/words.mjs";
export default { async fetch(request, env) {
	const asset = await env.ASSETS.fetch(request.url);
	return new Response([words, asset.status, await asset.text()]);
} };`,
				"built/parts/words.mjs": `import { DurableObject } from "cloudflare:workers";
export const words = "built";
export class Counter extends DurableObject {}`,
			},
		},
		"an entrypoint": {assets: `"run_worker_first": ["/api/*"], "not_found_handling": "none"`, replace: map[string]string{
			"src/index.ts": strings.NewReplacer(
				"class App {", "class App extends WorkerEntrypoint<any> {",
				"fetch(request: Request, env: any, ctx: any): Promise<Response> {",
				"fetch(request: Request): Promise<Response> { const { env, ctx } = this as any;",
				"export default new App()", "export default App",
			).Replace(staticAssets["src/index.ts"]),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := platformtest.Start(t, func(o *platform.Options) { o.CheckScripts = true })
			root := t.TempDir()
			files := maps.Clone(staticAssets)
			maps.Copy(files, tt.replace)
			maps.DeleteFunc(files, func(_, text string) bool { return text == "" })
			date, flags, assets := tt.date, `["enable_ctx_exports"]`, tt.assets
			if date == "" {
				date, flags = "2026-10-01", "[]"
			}
			if assets != "" {
				assets = ", " + assets
			}
			main := tt.main
			if main == "" {
				main = `"src/index.ts"`
			}
			files["wrangler.jsonc"] = fmt.Sprintf(`{ "name": "oracle", "main": %s, "compatibility_date": %q,
				"assets": { "directory": "public", "binding": "ASSETS" %s },
				"compatibility_flags": %s,
				"durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
				"migrations": [{ "tag": "v1", "new_sqlite_classes": ["Counter"] }] }`, main, date, assets, flags)
			writeAll(t, root, files)
			if _, err := f.Run(t.Context(), wrangler, root, "deploy"); err != nil {
				t.Fatal(err)
			}
			site := open(t, inputs(root, f))
			if _, err := site.Deploy(t.Context(), plan.Options{}); err != nil {
				t.Fatal(err)
			}
			for _, n := range site.Notices {
				if !strings.Contains(n.Reason, "is the folder of the site") && !strings.Contains(n.Reason, "this name is used") {
					t.Errorf("notice: %s", n)
				}
			}
			for _, ask := range requests() {
				theirs, ours := answerOf(t, f, "oracle", ask), answerOf(t, f, "tides", ask)
				if theirs != ours {
					t.Errorf("%s %s %v:\n Static Assets %q\n kv-sync       %q", ask.method, ask.path, ask.header, theirs, ours)
				}
			}
		})
	}
}

type asked struct {
	method, path string
	header       map[string]string
}

// requests are requests of browsers and other clients, for existing and missing files.
func requests() []asked {
	var list []asked
	for _, path := range []string{
		"/", "/index.html", "/about", "/about.html", "/about/", "/docs", "/docs/", "/app.js", "/%61pp.js", "//app.js",
		"/with%20space.txt", "/with space.txt?q=1",
		"/old", "/old?q=1", "/in-place", "/astray", "/nothing", "/docs/nothing", "/gone", "/api", "/api/", "/api/data.json",
		"/api/%64ata.json", "/api/nothing",
		"/api/docs", "/api/docs/", "/api/docs/nothing", "/exact", "/exact/", "/at", "/a/b/t", "/nothing?ask=/app.js",
		"/nothing?ask=/about.html",
		"/nothing?ask=/old", "/nothing?ask=/nowhere/at/all", "/nothing?manual=/about.html", "/nothing?manual=/old",
		"/nothing?through", "/nothing?imported", "/nothing?counter",
		"/nothing?named", "/app.js?through", "/about?through", "/nothing?method", "/gone?through", "/constructor",
		"/__proto__",
	} {
		list = append(list, asked{"GET", path, nil}, asked{"GET", path, map[string]string{"Sec-Fetch-Mode": "navigate"}})
	}
	for _, path := range []string{"/", "/app.js", "/about.html", "/nothing", "/api/nothing", "/api/data.json", "/old"} {
		list = append(list, asked{"POST", path, nil}, asked{"HEAD", path, nil},
			asked{"DELETE", path, map[string]string{"Sec-Fetch-Mode": "cors"}})
	}
	return list
}

// answerOf returns the parts of a response that matter to a visitor.
func answerOf(t *testing.T, f *platformtest.Fixture, script string, ask asked) string {
	t.Helper()
	var body io.Reader = http.NoBody
	// Only the Worker answers this path. A server that does not read a body may close the connection.
	if ask.method == http.MethodPost && ask.path == "/api/nothing" {
		body = strings.NewReader("sent")
	}
	req, err := http.NewRequestWithContext(t.Context(), ask.method, f.SiteURL(script), body)
	if err != nil {
		t.Fatal(err)
	}
	// Opaque keeps the path as it is. Go's client would normalize it.
	req.URL.Opaque = "//" + req.URL.Host + strings.ReplaceAll(ask.path, " ", "%20")
	req.Host = "example.com"
	for name, value := range ask.header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal([]any{res.StatusCode, res.Header.Get("Location"), res.Header.Get("X-Rule"), string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func writeAll(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

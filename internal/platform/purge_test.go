package platform_test

import (
	"strings"
	"testing"
	"time"
)

// purging is code of a Worker. Its responses have cache tags. A POST contains options of a
// purge: for / the default handler purges, for /named another entrypoint does.
const purging = `
let runs = 0;
async function serve(r, ctx) {
	const url = new URL(r.url);
	if (r.method === "POST") return Response.json(await ctx.cache.purge(await r.json()));
	return new Response("VERSION" + ++runs, { headers: {
		"Cache-Control": "max-age=3600", "Cache-Tag": "all, Page-" + url.pathname.slice(1) } });
}
export class Base extends WorkerEntrypoint { async purge(options) { return this.ctx.cache.purge(options); } }
export class Named extends Base {}
export class Objects extends DurableObject { has() { return typeof this.ctx.cache; } }
`

const purgingHandlers = `import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";` + purging + `
export default {
	name: "VERSION",
	async fetch(r, env, ctx) {
		if (this.name !== "VERSION") throw new Error("it lost its this");
		if (new URL(r.url).pathname === "/object") return new Response(await ctx.exports.Objects.getByName("x").has());
		if (new URL(r.url).pathname === "/named") return Response.json(await ctx.exports.Named.purge(await r.json()));
		return serve(r, ctx);
	},
}`

const purgingClass = `import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";` + purging + `
export default class extends WorkerEntrypoint { async fetch(r) { return serve(r, this.ctx); } }`

func purger(code, version string) part {
	return part{"code/main page.mjs", esm, strings.ReplaceAll(code, "VERSION", version)}
}

const purgingMetadata = `{"main_module":"code/main page.mjs","compatibility_date":"2026-11-01",` +
	`"cache_options":{"enabled":true}`

// purge makes the site execute a purge, and returns the result.
func (c *client) purge(path, options string) string {
	c.t.Helper()
	status, text := c.visitWith("POST", path, options)
	if status != 200 {
		c.t.Fatalf("purge %s: %d %s", options, status, text)
	}
	return text
}

const purged = `{"success":true,"errors":[]}`

func TestPurge(t *testing.T) {
	for name, code := range map[string]string{"handlers": purgingHandlers, "class": purgingClass} {
		t.Run(name, func(t *testing.T) {
			c := start(t, withStartCheck)
			c.put("site", purgingMetadata+"}", purger(code, "v"))
			fill := func() {
				t.Helper()
				for _, path := range []string{"/a", "/a/b", "/c?q"} {
					c.visitAs("GET", path, nil)
				}
			}
			for _, test := range []struct {
				options string
				left    string // the paths that are still cached after the purge
			}{
				{`{"tags":["page-A"]}`, "/a/b /c?q"}, // tags ignore case
				{`{"tags":["page-c","page-a/b","none"]}`, "/a"},
				{`{"tags":["page"]}`, "/a /a/b /c?q"},
				{`{"tags":["all"]}`, ""},
				{`{"pathPrefixes":["/a"]}`, "/c?q"},
				{`{"pathPrefixes":["/a/"]}`, "/a /c?q"},
				{`{"pathPrefixes":["http://site/a"]}`, "/a /a/b /c?q"},
				{`{"tags":["page-c"],"pathPrefixes":["/a/b"]}`, "/a"}, // a response matches one or the other
				{`{"purgeEverything":true}`, ""},
			} {
				fill()
				if got := c.purge("/", test.options); got != purged {
					t.Errorf("%s: %s", test.options, got)
				}
				var left []string
				for _, path := range []string{"/a", "/a/b", "/c?q"} {
					if _, got := c.visitAs("GET", path, nil); got.header.Get("CF-Cache-Status") == "HIT" {
						left = append(left, path)
					}
				}
				if strings.Join(left, " ") != test.left {
					t.Errorf("%s: left %v, want %s", test.options, left, test.left)
				}
			}
			for _, options := range []string{`{}`, `{"tags":[]}`, `{"tags":"all"}`, `null`, `{"tags":["` +
				strings.Repeat(`x","`, 100) + `x"]}`} {
				if got := c.purge("/", options); !strings.Contains(got, `"success":false`) {
					t.Errorf("%s: %s", options, got)
				}
			}
		})
	}
}

// A purge affects the responses of the default entrypoint of all versions of the Worker. It
// affects no other Worker, and only the default entrypoint can purge them.
func TestPurgeScope(t *testing.T) {
	c := start(t, withStartCheck)
	c.put("site", purgingMetadata+`,"migrations":{"new_tag":"1","new_sqlite_classes":["Objects"]}}`,
		purger(purgingHandlers, "v"))
	one := c.version("site", purgingMetadata+"}", purger(purgingHandlers, "one"))
	c.put("other", purgingMetadata+"}", purger(purgingClass, "o"))
	wantStatus := func(want string) {
		t.Helper()
		if _, got := c.visitAs("GET", "/a", nil); got.header.Get("CF-Cache-Status") != want {
			t.Errorf("%s %s, want %s", got.text, got.header.Get("CF-Cache-Status"), want)
		}
	}
	c.deploy("site", one)
	wantStatus("MISS")
	two := c.version("site", purgingMetadata+"}", purger(purgingHandlers, "two"))
	c.deploy("site", two)
	wantStatus("MISS")
	if got := c.purge("/named", `{"purgeEverything":true}`); got != purged {
		t.Error(got)
	}
	wantStatus("HIT") // another entrypoint cannot purge it
	c.wantBody("other", "/a", "o1")
	if got := c.purge("/", `{"tags":["page-a"]}`); got != purged {
		t.Error(got)
	}
	wantStatus("MISS")
	c.wantBody("other", "/a", "o1")
	c.deploy("site", one)
	wantStatus("MISS") // the response of the earlier version was purged, too
	c.wantBody("site", "/object", "undefined")
	c.deploy("site", c.version("site", metadata(""), part{"main.mjs", esm,
		`import { DurableObject } from "cloudflare:workers";
export class Objects extends DurableObject {}
export default { fetch(r, env, ctx) { return new Response(typeof ctx.cache); } }`}))
	c.wantBody("site", "/", "undefined") // without Workers Caching there is no ctx.cache
}

// An account may purge 25 times at once, then five times a minute.
func TestPurgeRate(t *testing.T) {
	c := start(t)
	c.put("site", purgingMetadata+"}", purger(purgingClass, "v"))
	allowed := func(want int) {
		t.Helper()
		n := 0
		for n < 50 && c.purge("/", `{"tags":["x"]}`) == purged {
			n++
		}
		if n != want {
			t.Errorf("%d purges, want %d", n, want)
		}
	}
	allowed(25)
	if got := c.purge("/", `{"tags":["x"]}`); !strings.Contains(got, "rate limit") {
		t.Error(got)
	}
	c.Server.AdvanceEdge(24 * time.Second)
	allowed(2)
	c.Server.AdvanceEdge(time.Hour)
	allowed(25)
}

import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { parseMeta } from "../../format/meta";
import { isContentHashed, preventEdgeCaching, preventEdgeCachingUnlessTimed, withVary } from "../caching";
import { EdgeCache } from "../edge_cache";

test("a hostile name takes linear time", () => {
  // With backtracking, this would practically never end.
  for (const part of [".0a1b2c3d", ".a", "a", ".0a1b2c3d!", "."])
    assert.equal(isContentHashed(`/${part.repeat(1e4)}!`), false);
});

test("the headers for Workers Caching depend on the site's setting and on rules with a host", () => {
  const edge = (more: object) =>
    new EdgeCache(parseMeta(new TextEncoder().encode(JSON.stringify({ site: "s", ...more }))));
  const no = { "Cloudflare-CDN-Cache-Control": "no-store" };
  assert.equal(edge({}).asset, undefined);
  assert.equal(edge({ edge_cache: 0 }).other, undefined);
  assert.deepEqual(edge({ edge_cache: 60 }).asset, {
    "Cloudflare-CDN-Cache-Control": "public, max-age=60",
    "Cache-Tag": "s",
  });
  assert.deepEqual(
    edge({ edge_cache: 60, overlay: true }).asset,
    { "Cloudflare-CDN-Cache-Control": "public, max-age=30, stale-if-error=0", "Cache-Tag": "s" },
    "a deleted asset does not reappear while the Worker fails",
  );
  assert.deepEqual(edge({ edge_cache: 60 }).other, no);
  assert.deepEqual(edge({ edge_cache: 60, redirects: [{ from: "https://a.com/*", to: "/", status: 301 }] }).asset, no);
  assert.deepEqual(edge({ edge_cache: 60, headers: [{ path: "https://:x.a.com/y" }] }).asset, no);
  for (const edge_cache of [-1, 1.5, "60", 1e300, null, "x\r\ny"])
    assert.throws(() => edge({ edge_cache }), String(edge_cache));
});

test("preventEdgeCaching excludes any response from Workers Caching", () => {
  const response = preventEdgeCaching(
    new Response("x", {
      headers: {
        "Cloudflare-CDN-Cache-Control": "public, max-age=60",
        "CDN-Cache-Control": "max-age=60",
        "Cache-Control": "public",
        "Cache-Tag": "x",
      },
    }),
  );
  assert.equal(response.headers.get("Cloudflare-CDN-Cache-Control"), "no-store");
  assert.equal(response.headers.get("Cache-Tag"), null);
  assert.equal(response.headers.get("Cache-Control"), "public");
  assert.equal(
    withVary(new Response("x", { headers: { Vary: "Accept" } }), "Sec-Fetch-Mode").headers.get("Vary"),
    "Accept, Sec-Fetch-Mode",
  );
});

test("a response of code is excluded from Workers Caching unless it has a cache time", () => {
  const controlOf = (headers: HeadersInit) =>
    preventEdgeCachingUnlessTimed(new Response("x", { headers })).headers.get("Cloudflare-CDN-Cache-Control");
  assert.equal(controlOf({}), "no-store");
  for (const name of ["CDN-Cache-Control", "Cache-Control"]) {
    for (const value of [
      "max-age=1",
      "public",
      "private",
      "max-age=0, s-maxage=60",
      "max-age=0, stale-while-revalidate=60",
      "no-cache, stale-if-error=9",
      'max-age="60"',
    ]) {
      assert.equal(controlOf({ [name]: value }), null, `${name}: ${value}`);
    }
    // Such a response is stale immediately. If the Worker failed, the cache would send it to other visitors.
    for (const value of [
      "no-cache",
      "No-Cache",
      "public, no-cache",
      'no-cache="set-cookie"',
      "max-age=0",
      "public,max-age=0",
      "max-age=60, s-maxage=0",
      'max-age="0"',
    ]) {
      assert.equal(controlOf({ [name]: value }), "no-store", `${name}: ${value}`);
    }
  }
  assert.equal(controlOf({ "Cloudflare-CDN-Cache-Control": "max-age=60", "Cache-Control": "no-cache" }), "max-age=60");
  assert.equal(controlOf({ "Cache-Control": "max-age=60", Expires: "0" }), null);
  assert.equal(controlOf({ Expires: new Date(Date.now() + 3_600_000).toUTCString() }), null);
  for (const past of ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
    assert.equal(controlOf({ Expires: past }), "no-store", past);
});

test("a response of a site with an overlay is stored for at most 30 seconds", () => {
  const limited = (overlay: boolean, control?: string) =>
    new EdgeCache(parseMeta(new TextEncoder().encode(JSON.stringify({ site: "s", edge_cache: 3600, overlay }))))
      .limit(
        new Response("x", {
          headers: {
            "Cache-Control": "public, max-age=86400",
            ...(control !== undefined && { "Cloudflare-CDN-Cache-Control": control }),
          },
        }),
      )
      .headers.get("Cloudflare-CDN-Cache-Control");
  for (const control of [undefined, "public, max-age=31536000", "public", "max-age=60, stale-if-error=86400"])
    assert.equal(limited(true, control), "public, max-age=30, stale-if-error=0", control);
  assert.equal(limited(true, "max-age=5"), "public, max-age=5, stale-if-error=0");
  for (const control of ["no-store", "private"]) assert.equal(limited(true, control), control);
  assert.equal(
    limited(false, "public, max-age=31536000"),
    "public, max-age=31536000",
    "without an overlay, a rule can extend the time",
  );
});

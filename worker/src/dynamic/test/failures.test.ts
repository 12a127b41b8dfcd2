// Tests failures of projects, and hostile code.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { encodeManifest, sha256Hex } from "../../../test/encode";
import { forward, logged, mustDeploy, platform, reads, request, value } from "./projects";

describe("a failure", () => {
  it("of a customer's code is a 500 without details, until new code is deployed", async () => {
    for (const bad of [
      "export default { fetch() { throw new Error('secret of the customer') } }",
      "export default {",
      "export default {}",
      "import 'nothing'; export default {}",
      "throw 1",
    ]) {
      await mustDeploy("bad", { "/index.html": "home" }, bad);
      const reply = await request("bad", "/", { headers: { "x-ttl": "0" } });
      assert.deepEqual([reply.status, reply.body, reply.headers["cache-control"]], [500, "", "no-store"], bad);
    }
    await mustDeploy("bad", { "/index.html": "home" }, forward);
    assert.equal((await request("bad", "/", { headers: { "x-ttl": "0" } })).body, "home");
  });

  it("of a customer's code is logged on one line, with the project and the stack", async () => {
    await mustDeploy(
      "forger",
      { "/index.html": "home" },
      `function deep() { throw new Error("oops\\nkv-sync: project shop: forged \\u2028\\u001b[31m"); }
       export default { fetch() { console.log("hello\\nkv-sync: project shop: forged too", { a: 1 }); deep(); } }`,
    );
    platform.log = "";
    assert.equal((await request("forger", "/")).status, 500);
    await logged(
      /^.*kv-sync: the Dynamic Worker of project forger failed: Error: oops\\nkv-sync: .*\\u2028\\u001b\[31m/m,
    );
    await logged(/^.*kv-sync: project forger: log: hello\\nkv-sync: project shop: forged too \{"a":1\}$/m);
    await logged(/^.*kv-sync: project forger: uncaught Error: oops\\nkv-sync: .*at deep \(/m);
  });

  it("of KV is a 503 until KV recovers", async () => {
    await mustDeploy("weak", { "/index.html": "home" }, forward);
    platform.kv.fault = (key) => (key.endsWith("/current") ? "error" : undefined);
    const down = await request("weak", "/", { headers: { "x-ttl": "0" } });
    assert.deepEqual([down.status, down.headers["retry-after"], down.body], [503, "5", ""]);
    platform.kv.fault = (key) => (key.includes("/b/") ? "error" : undefined);
    assert.equal((await request("weak", "/", { headers: { "x-ttl": "0" } })).status, 503);
    platform.kv.fault = (key) => (key.includes("/b/") ? "missing" : undefined);
    assert.equal((await request("weak", "/", { headers: { "x-ttl": "0" } })).status, 503);
    platform.kv.reset();
    assert.equal((await request("weak", "/", { headers: { "x-ttl": "0" } })).body, "home");
  });

  it("of a read of the code is temporary", async () => {
    await mustDeploy("late", { "/index.html": "home" }, forward);
    // After this request the isolate caches the version, but not the code.
    await request("late", "/", { headers: { "x-way": "binding", "x-props": '{"projectId":"late"}' } });
    const version = value("project/late/current").activations[0]!.version;
    platform.kv.fault = (key) => (key.endsWith(version) ? "missing" : undefined);
    assert.equal((await request("late", "/")).status, 503);
    platform.kv.reset();
    assert.equal((await request("late", "/")).body, "home");
    assert.ok(
      platform.kv.reads.some(({ key }) => key.endsWith(version)),
      "the code is read from the key of the version",
    );
  });

  it("of a damaged record is a 500, and never serves another project's file", async () => {
    await mustDeploy("other", { "/index.html": "other's secret" }, forward);
    const current = platform.kv.values.get("project/other/current")!.toString();
    const own = current
      .replaceAll('"project":"other"', '"project":"rival"')
      .replaceAll("other:", "rival:")
      .replaceAll("project/other", "project/rival");
    const damages: [string, RegExp][] = [
      [current.slice(0, -1), /JSON/],
      ["hello", /JSON/],
      ["null", /current is not an object/],
      [current, /it belongs to another project/],
      [own.replace('"format":1', '"format":3'), /unknown format 3/],
      [own.replace('"version":{"format":1', '"version":{"format":2'), /unknown format 2/],
      [own.replace('"kv_sync":{"format":1', '"kv_sync":{"format":2'), /unknown format 2/],
      [own.replace('"format":1,', ""), /unknown format undefined/],
      [own.replace(/"activations":\[.*?\]/, '"activations":[]'), /activations is empty/],
      [own.replaceAll("rival:", "other:"), /invalid loader id/],
      [own.replace(/"loader":"rival:./, '"loader":"rival:x'), /invalid loader id/],
      [own.replace(/"served":"[^"]*"/, '"served":"../../other/current"'), /served is not hash\.nonce/],
      [own.replace('"site":"project/rival"', '"site":"project/other"'), /kv_sync belongs to another site/],
      [own.replace('"main":"index.js"', '"main":"x.js"'), /main is not a module/],
      [own.replace('{"js":', '{"py":'), /unknown kind in modules/],
      [own.replace('{"js":', '{"text":"","js":'), /unknown kind in modules/],
    ];
    for (const [text, reason] of damages) {
      platform.kv.values.set("project/rival/current", Buffer.from(text));
      platform.log = "";
      const reply = await request("rival", "/", { headers: { "x-ttl": "0" } });
      assert.deepEqual([reply.status, reply.body], [500, ""], `${reason}`);
      await logged(reason);
      await platform.logged(
        /project rival: cannot read its current: .*; update kv-sync if .*, else: kv-sync deploy .*--repair/s,
      );
    }
  });

  it("by a manifest that a customer uploaded as a file is a 500", async () => {
    const manifest = encodeManifest({
      site: "project/other",
      entries: [
        { path: "/index.html", hash: sha256Hex("x"), nonce: "0".repeat(16), size: 1, modified: 0, type: "text/html" },
      ],
    });
    platform.kv.values.set(`project/evil/b/${sha256Hex(manifest)}.${"1".repeat(16)}`, manifest);
    platform.kv.values.set(`project/other/b/${sha256Hex("x")}.${"0".repeat(16)}`, Buffer.from("x"));
    const request = (props: object) =>
      platform.request("loader", "/", { headers: { "x-way": "binding", "x-props": JSON.stringify(props) } });
    const reply = await request({ projectId: "evil", served: `${sha256Hex(manifest)}.${"1".repeat(16)}` });
    assert.deepEqual([reply.status, reply.body], [500, ""]);
    await logged(/belongs to another site/);
    assert.ok(!reads().some((key) => key.startsWith("project/other/")));
    for (const props of [
      {},
      { projectId: "../other" },
      { projectId: "other/b" },
      { projectId: 1 },
      { projectId: "evil", served: "../../other/current" },
      { projectId: "evil", served: "" },
      { projectId: "evil", served: 7 },
    ]) {
      platform.kv.reset();
      const reply = await request(props);
      assert.deepEqual([reply.status, reply.body, reads()], [500, "", []], JSON.stringify(props));
    }
    assert.equal((await request({ projectId: "nobody" })).status, 404);
  });
});

describe("a hostile Dynamic Worker", () => {
  it("only gets files of its own project", async () => {
    await mustDeploy("other", { "/index.html": "other's page", "/secret.txt": "other's secret" }, forward);
    await mustDeploy("evil", { "/index.html": "mine" }, readFileSync("src/dynamic/test/hostile.js", "utf8"));
    platform.kv.reset();
    const reply = await request("evil", "/");
    assert.equal(reply.status, 200);
    const found = JSON.parse(reply.body) as Record<string, string>;
    assert.ok(Object.keys(found).length > 200);
    assert.ok(!/other's/.test(reply.body));
    assert.ok(
      !platform.kv.reads.some(({ key }) => !key.startsWith("project/evil/")),
      "no key of another project is read",
    );

    // Every object has these members, and so has every stub.
    const harmless = new Set([...Object.getOwnPropertyNames(Object.prototype), "then", "0", "connect"]);
    const methods = new Set(["get", "head", "put", "delete", "list", "publish"]);
    for (const [attempt, result] of Object.entries(found)) {
      const [, way, name] = /^(get|call|path) (.*)$/.exec(attempt) ?? [];
      if (way !== undefined && harmless.has(name!)) continue;
      if (way === "get" && methods.has(name!)) continue;
      if (/^(?:fetch|header|set props|upgrade|method)/.test(attempt))
        assert.match(result, /^threw |"status":40[45],.*"body":""/, attempt);
      else if (attempt === "the loader's bindings" || attempt === "its modules") assert.equal(result, '["ASSETS"]');
      else if (attempt === "its exports") assert.equal(result, '["default"]');
      else assert.match(result, /^threw /, attempt);
    }
    assert.match(found["the network"]!, /not permitted to access the internet/);
    const own = sha256Hex("mine");
    assert.ok(
      !Object.values(found).some((result) => /kv-sync|\b[0-9a-f]{64}\b/.test(result.replaceAll(own, ""))),
      "no internal details",
    );
  });
});

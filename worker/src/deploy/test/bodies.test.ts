// deployProject with large files, streams and Blobs.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expand, type Runs } from "../../../test/values";
import { base64, currentKey, deploy, film, mustDeploy, pages, platform, request } from "./shop";
import type { DescribedFile } from "./upload";

describe("large files", () => {
  const forms = [undefined, "stream", "blob", "text"] as const;
  const page = { "/index.html": "film" };
  const inForm = (body: Runs, as: (typeof forms)[number]) => ({ body, ...(as && { as }) });
  const served = async () => (await request("/film.mp4")) === new TextDecoder().decode(expand(film()));

  it("leave out a redirect that Cloudflare ignores, with a notice", async () => {
    const deployed = await mustDeploy({ ...page, "/_redirects": "/app/* /app/index.html\n/a /b" });
    assert.deepEqual(
      deployed.notices.map(({ path, line }) => [path, line]),
      [["_redirects", 1]],
    );
  });

  it("give the same result as bytes, stream, Blob and text", async () => {
    const first = await mustDeploy({ ...page, "/film.mp4": film() });
    assert.deepEqual([first.uploaded, await served()], [4, true]);
    for (const form of forms) {
      platform.kv.reset();
      const again = await mustDeploy({ ...page, "/film.mp4": inForm(film(), form) }, 1);
      assert.deepEqual(again, { ...first, uploaded: 0, unchanged: 2, noChange: true });
      assert.deepEqual(platform.kv.writes, []);
    }
  });

  it("upload only the chunks that changed", async () => {
    await mustDeploy({ ...page, "/film.mp4": film() });
    const before = new Map(platform.kv.values);
    for (const form of forms) {
      platform.kv.reset(before);
      assert.equal(
        (await mustDeploy({ ...page, "/film.mp4": inForm(film("FEDCBA9876543210"), form) }, 1)).uploaded,
        2,
        form,
      );
      assert.equal(
        (await mustDeploy({ ...page, "/film.mp4": inForm(film(), form), "/same.mp4": inForm(film(), form) }, 2))
          .uploaded,
        2,
        "chunks of an earlier deployment are uploaded again",
      );
      assert.ok(await served());
    }
  });

  it("upload every chunk if the live index is missing or damaged, or with repair", async () => {
    await mustDeploy({ ...page, "/film.mp4": film() });
    const before = new Map(platform.kv.values);
    const [key, index] = [...before].find(([, value]) => value.toString("latin1", 0, 4) === "KVSC")!;
    for (const form of forms) {
      const again = { "/film.mp4": inForm(film("FEDCBA9876543210"), form) };
      for (const damaged of [undefined, index.subarray(1)]) {
        platform.kv.reset(before);
        if (damaged) platform.kv.values.set(key, damaged);
        else platform.kv.values.delete(key);
        assert.equal((await mustDeploy({ ...page, ...again }, 1)).uploaded, 3);
      }
      platform.kv.reset(before);
      assert.equal((await mustDeploy({ ...page, ...again }, 1, { options: { repair: true } })).uploaded, 4);
    }
  });

  it("have another blob than a small file with the bytes of their index", async () => {
    await mustDeploy({ ...page, "/film.mp4": film() });
    const index = [...platform.kv.values.values()].find((value) => value.toString("latin1", 0, 4) === "KVSC")!;
    const small = { body: index.subarray(0, 24 + 2 * 32).toString("base64") };
    for (const form of ["stream", "blob"] as const) {
      platform.kv.reset(new Map());
      const both = await mustDeploy(
        { ...page, "/film.mp4": inForm(film(), form), "/small": { ...small, as: form } as never },
        0,
        { files: { "/film.mp4": inForm(film(), form), "/small": { ...small, as: form } } },
      );
      assert.equal(both.uploaded, 4);
      assert.ok(await served());
      const swapped = await mustDeploy({}, 1, {
        files: { "/film.mp4": { ...small, as: form }, "/small": inForm(film(), form) },
      });
      assert.deepEqual([swapped.noChange, swapped.uploaded], [false, 0]);
      assert.ok(
        (await request("/small")) === new TextDecoder().decode(expand(film())),
        "the two files have swapped their paths",
      );
    }
  });

  it("count one write for each chunk and one for the index", async () => {
    for (const form of forms) {
      const files = { "/film.mp4": inForm(film(), form), "/index.html": "x" };
      assert.match(
        (await deploy(files, 0, { options: { mostWrites: 8 } })).error,
        /9 KV writes are needed, the limit for one request is 8/,
      );
      assert.ok(!platform.kv.values.has(currentKey));
      await mustDeploy(files, 0, { options: { mostWrites: 9 } });
      platform.kv.reset(new Map());
    }
    const two = { "/film.mp4": inForm(film(), "stream"), "/index.html": { body: base64("x"), as: "stream" } } as const;
    assert.match((await deploy({}, 0, { files: two, options: { mostWrites: 7 } })).error, /8 KV writes are needed/);
    assert.equal(platform.kv.writes.length, 3, "the upload stops after the stream that exceeds the limit");
    await mustDeploy({ ...page, "/film.mp4": film() });
    const changed = { ...page, "/film.mp4": inForm(film("FEDCBA9876543210"), "stream") };
    assert.match(
      (await deploy(changed, 1, { options: { mostWrites: 7 } })).error,
      /8 KV writes are needed/,
      "the read of the live index counts as a call",
    );
    await mustDeploy(changed, 1, { options: { mostWrites: 8 } });
  });
});

describe("streams and Blobs", () => {
  const inForm = (text: string, as: NonNullable<DescribedFile["as"]>) => ({ body: text, as });

  it("are published like other files", async () => {
    for (const as of ["stream", "blob", "text"] as const) {
      platform.kv.reset(new Map());
      await mustDeploy({
        "/index.html": inForm("home", as),
        "/empty.txt": inForm("", as),
        "/_redirects": inForm("/old /a.txt 301", as),
        "/_headers": inForm("/*\n  X-A: b", as),
        "/a.txt": { ...inForm("a", as), contentType: "text/x-a" },
      });
      const reply = await platform.request("loader", "/a.txt", { headers: { host: "shop.example.com", "x-ttl": "0" } });
      assert.deepEqual([reply.body, reply.headers["x-a"], reply.headers["content-type"]], ["a", "b", "text/x-a"]);
      assert.deepEqual([await request("/"), await request("/empty.txt"), await request("/old")], ["home", "", 301]);
      assert.equal(platform.kv.writes.length, 8);
    }
  });

  it("with the same content become one blob", async () => {
    const { uploaded } = await mustDeploy({
      "/a": inForm("same", "stream"),
      "/b": inForm("same", "stream"),
      "/c": "same",
      "/d": inForm("same", "blob"),
    });
    assert.equal(uploaded, 1);
  });

  it("are not read if another file is refused, and count in the shrink check", async () => {
    await mustDeploy(pages);
    platform.kv.reset();
    assert.match((await deploy({ ...pages, "/.env": "x", "/z.txt": inForm("z", "broken stream") })).error, /\.env: /);
    assert.match((await deploy({ "/z.txt": inForm("z", "broken stream") }, 1)).error, /1 of 4 files would be left/);
    assert.match(
      (await deploy({ ...pages, "/z.txt": inForm("z", "read stream") })).error,
      /z.txt: the stream is locked; give each/,
    );
    assert.deepEqual(platform.kv.writes, []);
  });

  it("that fail do not change what visitors see", async () => {
    await mustDeploy(pages);
    const { error } = await deploy(
      { ...pages, "/a.txt": inForm("new", "stream"), "/z.txt": inForm("z", "broken stream") },
      1,
    );
    assert.equal(error, "upload /z.txt: connection lost");
    assert.equal(await request("/a.txt"), "a");
    assert.equal(
      (await deploy({ ...pages, "/_redirects": inForm("z", "broken stream") }, 1)).error,
      "read /_redirects: connection lost",
    );
  });
});

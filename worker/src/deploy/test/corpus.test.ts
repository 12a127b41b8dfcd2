// Checks that testdata/project is what deployProject writes, and that it is served.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { sha256Hex } from "../../../test/encode";
import { expand, type Value } from "../../../test/values";
import { type ProjectVector, projectFiles, projectFolder } from "./project_vectors";
import { base64, type GoVector, mustDeploy, platform, request } from "./shop";

describe("testdata/project", () => {
  /** The vectors that the Go side writes. The folder must have exactly these. */
  const writtenByGo = ["assets-only.json", "changed.json", "chunked.json", "rolled-back.json"];

  it("has the output of deployProject", async () => {
    for (const [name, text] of await projectFiles()) {
      assert.equal(readFileSync(join(projectFolder, name), "utf8"), text, `${name} differs; run npm run vectors`);
    }
  });

  it("is served with the deployed files", async () => {
    const names = readdirSync(projectFolder).filter(
      (name) => name.endsWith(".json") && !["content-types.json", "contents.json", "rule-files.json"].includes(name),
    );
    assert.ok(names.length >= 12);
    for (const name of names) {
      const { deploy, before, writes } = JSON.parse(readFileSync(join(projectFolder, name), "utf8")) as ProjectVector;
      const { ["/_redirects"]: _, ["/_headers"]: __, ...files } = deploy.files;
      const expected = Object.fromEntries(
        Object.entries(files).map(([path, file]) => [
          path,
          typeof file === "object" && "body" in file ? file.body : file,
        ]),
      );
      await checkServed(name, deploy.project, { ...before, ...writes }, expected);
    }
  });

  it("has projects of the Go side, which are served too", async () => {
    assert.deepEqual(
      readdirSync(join(projectFolder, "go"))
        .filter((name) => name.endsWith(".json"))
        .sort(),
      writtenByGo,
    );
    for (const name of writtenByGo) {
      const { project, kv, files, loader, has_code } = JSON.parse(
        readFileSync(join(projectFolder, "go", name), "utf8"),
      ) as GoVector;
      platform.kv.reset(decodeKV(kv));
      const loaded = await platform.request("loader", "/", {
        headers: { "x-project": project, "x-way": "describe", "x-ttl": "0" },
      });
      assert.deepEqual(JSON.parse(loaded.body), { id: loader, hasCode: has_code }, name);
      if (has_code) assert.equal(await request("/code", project), "hello \u2028Ada", name);
      await checkServed(
        `go/${name}`,
        project,
        kv,
        Object.fromEntries(
          Object.entries(files).map(([path, text]) => [path, typeof text === "string" ? base64(text) : text]),
        ),
      );
    }
  });

  /** Checks that every key matches its content, every file is served, and a further deploy plans correctly. */
  async function checkServed(
    name: string,
    project: string,
    kv: Record<string, Value>,
    files: Record<string, Value>,
  ): Promise<void> {
    platform.kv.reset(decodeKV(kv));
    for (const [key, value] of platform.kv.values) {
      const hash = /\/[bm]\/([0-9a-f]{64})\.[0-9a-f]{16}$/.exec(key)?.[1];
      // The hash of an index does not cover the nonces at its end.
      const chunks = value.toString("latin1", 0, 4) === "KVSC" ? value.readUInt32LE(12) : 0;
      if (hash) assert.equal(sha256Hex(value.subarray(0, value.length - 8 * chunks)), hash, `${name}: ${key}`);
    }
    const { served } = (
      JSON.parse(platform.kv.values.get(`project/${project}/current`)!.toString()) as { version: { served: string } }
    ).version;
    const headers = { "x-way": "binding", "x-props": JSON.stringify({ projectId: project, served }) };
    for (const [path, body] of Object.entries(files)) {
      const pathname = path
        .split("/")
        .map(encodeURIComponent)
        .join("/")
        .replace(/(?:index)?\.html$/, "");
      const reply = await platform.request("loader", pathname, { headers });
      // With drop-trailing-slash the page has another pathname.
      const final =
        reply.status === 307 ? await platform.request("loader", reply.headers.location!, { headers }) : reply;
      assert.equal(final.status, 200, `${name}: ${path}`);
      assert.ok(final.body === new TextDecoder().decode(expand(body)), `${name}: ${path}`);
    }
    const again = await mustDeploy({ "/added.txt": "added" }, 72, {
      project,
      files: { ...files, "/added.txt": base64("added") },
    });
    assert.deepEqual(
      [again.unchanged, again.uploaded, again.removed],
      [Object.keys(files).length - withOtherType(name), 1, 0],
      name,
    );
  }

  const decodeKV = (kv: Record<string, Value>) =>
    new Map(Object.entries(kv).map(([key, value]) => [key, Buffer.from(expand(value))]));

  /** The number of files with another content type than their extension has. The next deploy changes them. */
  const withOtherType = (name: string) => (name === "types.json" || name.startsWith("go/") ? 1 : 0);
});

import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { comparePaths } from "../compare_paths";
import { Manifest, ManifestError } from "../manifest";
import { encodeServed } from "../served";
import type { StoredAsset, StoredManifest } from "../stored";
import { decodeStored } from "../stored_reader";
import { encodeStored } from "../stored_writer";
import { bytes } from "./manifest.inside";

function asset(path: string, i: number, oid: string): StoredAsset {
  return {
    path,
    hash: i.toString(16).padStart(64, "ab"),
    nonce: `${i % 3}`.repeat(16),
    size: i * 1_234_567,
    type: i % 2 ? "text/html; charset=utf-8" : "image/png",
    modified: 1_700_000_000 - i * 86_400,
    oid,
  };
}

const paths = ["/a b.html", "/index.html", "/posts/1.html", "/posts/10.html", "/ü/日本語.html", "/～", "/🙂", "/🙂a"];

export function manifest(oidSize: number): StoredManifest {
  const oid = (i: number) => `${i % 10}`.repeat(oidSize * 2);
  return {
    site: "project/shop",
    origin: { kind: "commit", id: "commit:1", rules: "r1", dir: "public", commit: "c".repeat(40) },
    serving: { html_handling: "none", not_found_handling: "", overlay: oidSize === 20 },
    routing: [
      undefined,
      { worker: ["/<api>/*"], site: ["/a/*"], retire: ["/\u2028"] },
      { worker: ["*"], site: [], retire: [] },
    ][(oidSize / 16) | 0],
    redirects: [{ from: "/old/*", to: "/new/:splat?<&>", status: 301 }],
    headers: [
      { path: "/*", set: [["x-a", "\u2028 é"]], unset: ["server"] },
      { path: "/b", set: [], unset: ["age"] },
    ],
    assets: paths.map((path, i) => asset(path, i, oid(i))),
    directories:
      oidSize === 0
        ? []
        : [
            { path: "/", tree: oid(1) },
            { path: "/posts", tree: oid(2) },
          ],
    retired: [
      { ...asset("/gone.html", 9, ""), until: 1_800_000_000, left: 4 },
      { ...asset("/gone/too.html", 10, ""), until: -5, left: 0 },
    ],
    adopted: new Map(
      oidSize === 20
        ? [
            ["/a<b>.html", "0123456789abcdef"],
            ["/～", "00000000000000ff"],
            ["/🙂", "ffffffffffffffff"],
          ]
        : [],
    ),
  };
}

const empty: StoredManifest = {
  site: "a",
  origin: { kind: "", id: "", rules: "", dir: "", commit: "" },
  serving: { html_handling: "", not_found_handling: "", overlay: false },
  routing: { worker: [], site: [], retire: [] },
  redirects: [],
  headers: [],
  assets: [],
  directories: [],
  retired: [],
  adopted: new Map(),
};

test("decoding an encoded stored manifest gives the same manifest", () => {
  for (const original of [empty, manifest(0), manifest(20), manifest(32)]) {
    assert.deepEqual(decodeStored(encodeStored(original)), original);
  }
  const mixed = manifest(20);
  mixed.assets[3]!.oid = "";
  assert.throws(() => encodeStored(mixed), /object id "" does not have 20 bytes/);
});

test("a chunked file, live or retired, sets a must-understand flag", () => {
  const film = { ...asset("/film.mp4", 1, ""), size: (25 << 20) + 1 };
  const small = { ...film, size: 25 << 20 };
  const term = { until: 1, left: 1 };
  for (const [list, flags] of [
    [{ assets: [film] }, 1],
    [{ retired: [{ ...film, ...term }] }, 1],
    [{ assets: [small], retired: [{ ...small, ...term }] }, 0],
  ] as [Partial<StoredManifest>, number][]) {
    const written = encodeStored({ ...empty, ...list });
    assert.deepEqual([...written.subarray(6, 8)], [flags, 0]);
    assert.deepEqual(decodeStored(written), { ...empty, ...list });
    written[6]! ^= 1;
    assert.throws(() => decodeStored(written), /the flags do not match the sizes of the assets/);
  }
  assert.throws(
    () => decodeStored(encodeStored({ ...empty, assets: [{ ...film, size: 2 ** 32 }] })),
    /has 4 GiB or more/,
  );
});

test("paths are sorted by their bytes", () => {
  const encoder = new TextEncoder();
  const hex = (path: string) => encoder.encode(path).toHex();
  for (const a of paths)
    for (const b of paths)
      assert.equal(Math.sign(comparePaths(a, b)), hex(a) < hex(b) ? -1 : hex(a) > hex(b) ? 1 : 0, `${a} ${b}`);
});

test("a truncated or extended stored manifest is refused", () => {
  const whole = encodeStored(manifest(20));
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => decodeStored(whole.slice(0, length)), ManifestError, `${length}`);
  assert.throws(() => decodeStored(new Uint8Array([...whole, 0])), /1 extra bytes at the end/);
});

test("a stored manifest with another format is refused", () => {
  const damaged = (change: (bytes: Uint8Array) => void) => {
    const copy = encodeStored(manifest(0));
    change(copy);
    return () => decodeStored(copy);
  };
  assert.throws(
    damaged((b) => (b[0] = 0)),
    /not a stored manifest/,
  );
  assert.throws(
    damaged((b) => (b[4] = 2)),
    /unknown format version 2/,
  );
  assert.throws(
    damaged((b) => (b[7] = 1)),
    /unknown must-understand flags 256/,
  );
  const unsorted = manifest(0);
  unsorted.assets.reverse();
  assert.throws(() => decodeStored(encodeStored(unsorted)), /not sorted/);
  const twice = manifest(0);
  twice.assets.splice(1, 0, twice.assets[0]!);
  assert.throws(() => decodeStored(encodeStored(twice)), /not sorted/);
  const head = (json: string) => {
    const text = new TextEncoder().encode(json);
    return () => decodeStored(Uint8Array.of(0x4b, 0x56, 0x53, 0x53, 1, 0, 0, 0, text.length, ...text, 0, 0, 0, 0, 0));
  };
  head('{"site":"a","origin":{},"serving":{},"types":null}')();
  for (const json of [
    "",
    "[]",
    "null",
    "{}",
    '{"site":1,"origin":{},"serving":{}}',
    '{"site":"a","origin":[],"serving":{}}',
    '{"site":"a","origin":{"id":1},"serving":{}}',
    '{"site":"a","origin":{},"serving":{},"types":[1]}',
    '{"site":"a","origin":{},"serving":{},"redirects":[{"from":"/","to":"/","status":404}]}',
    '{"site":"a","origin":{},"serving":{},"headers":{}}',
    '{"site":"a","origin":{},"serving":{"overlay":1}}',
    '{"site":"a","origin":{},"serving":{},"adopted":{"/a":"012345678901234"}}',
    '{"site":"a","origin":{},"serving":{},"adopted":["/a"]}',
  ]) {
    assert.throws(head(json), ManifestError, json);
  }
});

test("a shared prefix that is longer than the previous path is refused", () => {
  const whole = encodeStored({ ...empty, assets: [asset("/a", 1, "")] });
  const at = whole.toHex().indexOf("00022f61") / 2; // a path with no shared byte and a suffix of two bytes
  assert.ok(Number.isInteger(at));
  whole[at] = 1;
  assert.throws(() => decodeStored(whole), /longer than the previous path/);
});

test("invalid numbers are refused", () => {
  const whole = encodeStored(empty);
  const at = whole.length - 5; // the manifest ends with five counts, all 0
  for (const digits of [
    [0xff],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [...Array<number>(30).fill(0x80), 0x01],
    [...Array<number>(30).fill(0x80), 0x00],
    [0xff, 0xff, 0xff, 0xff, 0x0f],
    [1],
  ]) {
    assert.throws(
      () => decodeStored(Uint8Array.of(...whole.slice(0, at), ...digits, 0, 0, 0, 0)),
      ManifestError,
      `${digits}`,
    );
  }
  assert.throws(
    () => decodeStored(encodeStored({ ...empty, assets: [{ ...asset("/a", 1, ""), size: 2 ** 60 }] })),
    /a number is too large/,
  );
});

test("each of 3,000 damaged manifests is refused, or decoded to a valid manifest", () => {
  let state = 7;
  const next = (below: number) => ((state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) >>> 8) % below;
  let decodedCount = 0;
  for (let round = 0; round < 3_000; round++) {
    const copy = encodeStored(manifest([0, 20, 32][round % 3]!));
    for (let i = 0; i <= next(3); i++) copy[next(copy.length)] = next(256);
    try {
      const decoded = decodeStored(copy);
      decodedCount++;
      // A decoded manifest can be encoded and decoded again.
      if (decoded.assets.every(({ oid }) => oid.length === decoded.assets[0]!.oid.length))
        assert.deepEqual(decodeStored(encodeStored(decoded)), decoded);
    } catch (error) {
      assert.ok(error instanceof ManifestError, String(error));
    }
  }
  assert.ok(decodedCount > 300 && decodedCount < 2900, `${decodedCount}`);
});

test("stored manifests of the Go side are decoded, and encoded to the same bytes", ({ stored }) => {
  for (const name of ["site", "overlay", "routing"]) {
    const original = new Uint8Array(bytes(stored[name]!));
    const manifest = decodeStored(original);
    assert.equal(manifest.serving.overlay, name === "overlay");
    assert.deepEqual(
      [...manifest.adopted],
      name === "overlay"
        ? [
            ["/gone.html", "ff00000000000000"],
            ["/~<ü>.html", "0102030405060708"],
          ]
        : [],
    );
    assert.deepEqual(
      manifest.routing,
      name === "routing"
        ? { worker: ["/private/*", "/~<ü>"], site: ["/private/open/*"], retire: ["/private/a&b.js"] }
        : undefined,
    );
    assert.equal(encodeStored(manifest).toHex(), original.toHex(), name);
  }
});

test("served manifests are encoded exactly as in the vectors", ({ manifests }) => {
  let count = 0;
  for (const [name, { json, bin }] of Object.entries(manifests)) {
    const { manifest } = JSON.parse(json) as {
      manifest: {
        site: string;
        html_handling?: string;
        not_found_handling?: string;
        entries: (StoredAsset & { retired?: boolean })[];
        redirects?: StoredManifest["redirects"];
        headers?: StoredManifest["headers"];
        edge_cache?: number;
        memory_cache?: number;
        overlay?: boolean;
        adopted?: Record<string, string>;
      };
    };
    if (manifest.edge_cache || manifest.memory_cache !== undefined) continue; // projects do not have these settings
    count++;
    const encoded = encodeServed({
      ...empty,
      site: manifest.site,
      serving: {
        html_handling: manifest.html_handling ?? "",
        not_found_handling: manifest.not_found_handling ?? "",
        overlay: manifest.overlay ?? false,
      },
      adopted: new Map(Object.entries(manifest.adopted ?? {})),
      redirects: manifest.redirects ?? [],
      headers: (manifest.headers ?? []).map(({ path, set, unset }) => ({ path, set: set ?? [], unset: unset ?? [] })),
      assets: manifest.entries.filter(({ retired }) => !retired),
      retired: manifest.entries.filter(({ retired }) => retired).map((asset) => ({ ...asset, until: 0, left: 1 })),
    });
    assert.equal(encoded.toHex(), new Uint8Array(bytes(bin)).toHex(), name);
  }
  assert.ok(count >= 4);
  assert.throws(
    () => encodeServed({ ...empty, assets: [{ ...asset("/film.mp4", 1, ""), size: 2 ** 32 }] }),
    /the limit is 4 GiB/,
  );
});

test("a modified time out of range is clamped", () => {
  const dates = [-1, 0, 2 ** 32 - 1, 2 ** 32];
  const served = new Manifest(
    encodeServed({ ...empty, assets: dates.map((modified, i) => ({ ...asset(`/${i}`, 1, ""), modified })) }).buffer,
  );
  assert.deepEqual(
    dates.map((_, i) => served.asset(served.find(`/${i}`)).modified),
    [0, 0, 2 ** 32 - 1, 2 ** 32 - 1],
  );
});

import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { encodeOverlay } from "../../format/overlay_manifest";
import { Root } from "../../format/root";
import { bytes } from "../../format/test/manifest.inside";
import { Parted } from "../parted";
import { withParts } from "../parts";
import { overlayEntry } from "./layers";
import { bothForms, described, earlier, filled, PartStore, tree } from "./part_store";

interface Found {
  key: string;
  size: number;
  type: string;
  modified: number;
  retired?: boolean;
}

test("every look-up in the vectors of parts returns the expected asset", async ({ parted: vectors }) => {
  const kv = new PartStore();
  for (const [ref, base64] of Object.entries(vectors.parts))
    kv.values.set(`blog/p/${ref}`, new Uint8Array(bytes(base64)));
  const manifest = new Parted(new Root(bytes(vectors.root)));
  const lookups = Object.entries(JSON.parse(vectors.lookups) as Record<string, Found | null>);
  assert.ok(lookups.length >= 500);
  for (const [path, found] of lookups) {
    const asset = await withParts(kv.kv, (held) => {
      const index = manifest.find(path, held);
      const any = index >= 0 ? index : manifest.findRetired!(path, held);
      return any < 0 ? null : manifest.asset(any, held);
    });
    const { key, size, type, modified, retired } = asset ?? {};
    assert.deepEqual(asset && { key, size, type, modified, retired }, found && { retired: false, ...found }, path);
  }
  assert.equal(manifest.meta.htmlHandling, "drop-trailing-slash");
  assert.equal(kv.reads.length, Object.keys(vectors.parts).length - 1, "each part once, and no directories");
});

const requested = [
  ...new Set(
    [...tree, ...earlier].flatMap((file) => {
      const stem = file.replace(/(\/index)?\.html$/, "");
      return [
        file,
        stem,
        `${stem}/`,
        `${stem}/index`,
        `${stem}/index.html`,
        `${stem}.html`,
        `${file}.html`,
        `${stem}/x`,
      ];
    }),
  ),
  ...[
    "/moved",
    "/proxied/file",
    "/proxied/none",
    "/%ff",
    "//",
    "/%2f",
    `/${"a".repeat(5000)}`,
    "/".repeat(200),
    "/%00",
  ],
];

/** A response for comparison. */
async function shown(response: Response | null): Promise<unknown> {
  return response && [response.status, [...response.headers], await response.text()];
}

test("a site in parts answers as the same site with a whole manifest", async () => {
  let compared = 0;
  for (const html_handling of ["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"])
    for (const not_found_handling of ["404-page", "single-page-application", "none"])
      for (const perPart of [1, 4, 100]) {
        const manifest = described({ html_handling, not_found_handling, memory_cache: perPart === 4 ? 0 : undefined });
        const kv = filled(manifest);
        const { whole, parted } = bothForms(kv, manifest, perPart);
        for (const [i, path] of requested.entries()) {
          const scope = ([undefined, "current", "retained", "all"] as const)[i % 4];
          const method = i % 11 === 0 ? "POST" : i % 5 === 0 ? "HEAD" : "GET";
          const request = () => new Request(`https://example.com${encodeURI(decode(path))}`, { method });
          const answers = [];
          for (const site of [whole, parted])
            answers.push(await shown(await site.serveIfFound(request(), kv.env, scope)));
          assert.deepEqual(
            answers[1],
            answers[0],
            `${html_handling} ${not_found_handling} ${perPart} ${method} ${path}`,
          );
          compared++;
        }
      }
  assert.ok(compared > 3000, `${compared}`);
});

function decode(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

test("an overlay above a manifest in parts answers as above a whole one", async () => {
  const adopted = { "/file.html": "a".repeat(16), "/old.css": "b".repeat(16), "/bin": "c".repeat(16) };
  const manifest = described({ overlay: true, adopted });
  const written = (path: string, nonce: string, gone = false) => {
    const own = overlayEntry(path, nonce);
    return gone ? { ...own, content: undefined } : own;
  };
  const overlay = encodeOverlay("blog", 1, [
    written("/file.html", "a"), // adopted
    written("/old.css", "b", true), // adopted, so the retired file is visible
    written("/bin", "d"), // another write than the adopted one
    written("/both.html", "1", true),
    written("/gone/index.html", "2", true), // hides a retired file
    written("/folder.html", "3"), // in place of a retired file
    written("/new/index.html", "4"),
    written("/404.html", "5", true),
    written("/deep/404.html", "6"),
  ]);
  const kv = filled(manifest);
  const { whole, parted } = bothForms(kv, manifest, 3);
  for (const path of [...requested, "/new", "/new/", "/deep/nothing"]) {
    const answers = [];
    const found = [];
    for (const site of [whole, parted]) {
      const view = site.withOverlay(overlay.slice().buffer);
      const request = new Request(`https://example.com${encodeURI(decode(path))}`, { method: "HEAD" });
      answers.push(await shown(await view.fetch(request, kv.env)));
      found.push(await view.lookUp(path, kv.kv));
    }
    assert.deepEqual(answers[1], answers[0], path);
    assert.deepEqual(found[1], found[0], path);
  }
  assert.equal((await parted.withOverlay(overlay.slice().buffer).lookUp("/gone/index.html", kv.kv)).retired, false);
  assert.ok((await parted.deployed.lookUp("/gone/index.html", kv.kv)).retired);
});

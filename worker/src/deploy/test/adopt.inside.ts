import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { hash, nonce } from "../../serve/test/layers";
import { adopt, type RecordedEntry } from "../adopt";

test("a deploy adopts writes that equal its assets, and does not retire deleted ones", () => {
  const entry = (path: string, digit: string, content?: Partial<RecordedEntry["content"]> | null): RecordedEntry => ({
    path,
    nonce: nonce(digit),
    content: content === null ? undefined : { hash: hash("d"), type: "text/css", ownHeaders: false, ...content },
  });
  const asset = (path: string) => ({
    path,
    hash: hash("d"),
    nonce: nonce("d"),
    size: 9,
    type: "text/css",
    modified: 1,
    oid: "",
  });
  const manifest = {
    assets: ["/same", "/hash", "/type", "/headers", "/there", "/docs/_redirects", "/before", "/later"].map(asset),
    retired: ["/retired", "/kept"].map((path) => ({ ...asset(path), until: 0, left: 1 })),
  };
  const entries = [
    entry("/same", "1"),
    entry("/hash", "2", { hash: hash("e") }),
    entry("/type", "3", { type: "text/html" }),
    entry("/headers", "4", { ownHeaders: true }),
    entry("/new", "5"),
    entry("/gone", "6", null),
    entry("/there", "7", null),
    entry("/retired", "8", null),
    entry("/docs/_redirects", "9"),
    entry("/before", "a", { hash: hash("e") }),
    entry("/later", "b", { hash: hash("e") }),
  ];
  const liveAdopted = new Map([
    ["/before", nonce("a")],
    ["/later", nonce("0")],
    ["/dropped", nonce("c")],
  ]);
  const { adopted, retired } = adopt(entries, manifest, liveAdopted);
  assert.deepEqual(
    [...adopted],
    [
      ["/same", nonce("1")],
      ["/gone", nonce("6")],
      ["/retired", nonce("8")],
      ["/before", nonce("a")],
    ],
  );
  assert.deepEqual(
    retired.map(({ path }) => path),
    ["/kept"],
    "an asset that was deleted at run time is not retired",
  );
  assert.deepEqual(adopt(null, manifest, liveAdopted), { adopted: new Map(), retired: manifest.retired });
  assert.deepEqual(
    adopt(undefined, manifest, liveAdopted),
    { adopted: liveAdopted, retired: manifest.retired },
    "an invalid record changes nothing",
  );
});

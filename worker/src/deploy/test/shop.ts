// A platform in real workerd for the tests of deployProject. They deploy the project "shop".

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { Platform } from "../../../test/platform";
import type { Runs, Value } from "../../../test/values";
import { uploadWorker } from "./project_vectors";
import type { Deploy, DescribedFile } from "./upload";

export const base64 = (text: string) => Buffer.from(text).toString("base64");
export const begin = Date.UTC(2026, 10, 21);

export let platform: Platform;
before(async () => {
  platform = await Platform.start(
    [],
    [],
    [
      uploadWorker,
      { name: "loader", main: "src/dynamic/test/loader.ts", bindings: `(name = "OTHER_KV", kvNamespace = "kv")` },
    ],
  );
});
after(() => platform.stop());
beforeEach(() => platform.kv.reset(new Map()));

/** A vector in testdata/project/go: the KV that Go wrote, with values in base64, and the files that are served. */
export interface GoVector {
  project: string;
  loader: string;
  has_code: boolean;
  files: Record<string, string | Runs>;
  kv: Record<string, Value>;
}

/** The response of the upload API: a DeployResult, or an error. */
export interface DeployResponse {
  status: number;
  deployment: string;
  version: string;
  loader: string;
  uploaded: number;
  unchanged: number;
  removed: number;
  noChange: boolean;
  name: string;
  error: string;
  problems?: { path: string; line?: number; reason: string; fix: string }[];
  notices: { path: string; line?: number; reason: string; fix: string }[];
}

/** Deploys to the project "shop". `hours` is the time of the deploy, counted from `begin`. */
export async function deploy(
  files: Record<string, string | Runs | DescribedFile>,
  hours = 0,
  more: Partial<Deploy> = {},
): Promise<DeployResponse> {
  const body: Deploy = {
    project: "shop",
    now: begin + hours * 3_600_000,
    random: "00c0ffee",
    files: Object.fromEntries(
      Object.entries(files).map(([path, file]) => [
        path,
        typeof file === "string"
          ? base64(file)
          : "body" in file && typeof file.body === "string"
            ? { ...file, body: base64(file.body) }
            : file,
      ]),
    ),
    ...more,
  };
  const reply = await platform.request("upload", "/", { method: "POST", body: JSON.stringify(body) });
  return { ...(JSON.parse(reply.body) as DeployResponse), status: reply.status };
}

/** Deploys, and fails the test if the deploy fails. */
export async function mustDeploy(...args: Parameters<typeof deploy>): Promise<DeployResponse> {
  const answer = await deploy(...args);
  assert.equal(answer.status, 200, answer.error);
  return answer;
}

/** Sends a request to a project, without the loader's cache. Returns the body, or the status if it is not 200. */
export const request = async (path: string, project = "shop") => {
  const { status, body } = await platform.request("loader", path, {
    headers: { host: `${project}.example.com`, "x-ttl": "0" },
  });
  return status === 200 ? body : status;
};

/** A file of 26 MiB, which has two different chunks. */
export const film = (second = "fedcba9876543210"): Runs => ({
  runs: [
    ["0123456789abcdef", 1 << 20],
    [second, 10 << 16],
  ],
});

export const currentKey = "project/shop/current";
export const pages = { "/index.html": "home", "/a.txt": "a", "/b.txt": "b", "/c.txt": "c" };

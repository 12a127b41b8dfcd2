// A platform in real workerd with several sites, the companion of their overlays, and
// another Worker with bindings to the sites.

import assert from "node:assert/strict";
import { companion, Platform } from "../../../test/platform";
import type { Site } from "../../../test/test_site";
import type { Call, Outcome } from "./calls";
import type { ObjectCall } from "./companion";

export const token = "0123456789abcdef-token";

/** The caller: a binding of another Worker by its name, or the site's own Worker ("app"). */
export type Caller = "READ" | "WRITE" | "RULES" | "ADA" | "BARE" | "OTHER" | "app";

const files = {
  "/index.html": "home",
  "/about.html": "deployed about",
  "/docs/a.txt": "a",
  "/docs/b.txt": "b",
  "/z.txt": "z",
};

const sites: Site[] = [
  {
    name: "blog",
    perPart: 2,
    files,
    retired: { "/old.txt": "old" },
    overlay: true,
    edits: { write: true, rules: true, token },
    worker: `export * from "./src/default_overlay"; export { default } from "./src/default_overlay";`,
  },
  {
    name: "other",
    files: { "/index.html": "the other's" },
    overlay: true,
    edits: { token: "short" },
    worker: `export * from "./src/default_overlay"; export { default } from "./src/default_overlay";`,
  },
  {
    name: "plain",
    files: { "/index.html": "plain" },
    worker: `export * from "./src/default_overlay"; export { default } from "./src/default_overlay";`,
  },
  {
    name: "app",
    files,
    overlay: true,
    edgeCache: 3600,
    edits: { write: true, token },
    worker: `export * from "./src/overlay/test/app"; export { default } from "./src/overlay/test/app";`,
  },
];

const binding = (name: Caller, service: string, bindingProps?: object) => {
  const props = bindingProps ? `, props = (json = ${JSON.stringify(JSON.stringify(bindingProps))})` : "";
  return `(name = "${name}", service = (name = "${service}", entrypoint = "AssetBinding"${props}))`;
};

/** The platform, and functions to call its Workers. */
export class World {
  readonly platform: Platform;

  private constructor(platform: Platform) {
    this.platform = platform;
  }

  static async start(): Promise<World> {
    const platform = await Platform.start(
      sites,
      [],
      [
        companion,
        {
          name: "caller",
          main: "src/overlay/test/caller.ts",
          bindings: [
            binding("READ", "blog", {}),
            binding("WRITE", "blog", { write: true }),
            binding("RULES", "blog", { write: true, rules: true }),
            binding("ADA", "blog", { write: true, author: "Ada" }),
            binding("BARE", "blog"),
            binding("OTHER", "other", { write: true }),
          ].join(", "),
        },
      ],
    );
    return new World(platform);
  }

  /** Makes calls and returns their outcomes. */
  async calls(
    caller: Caller,
    calls: Call[],
    { atOnce = false, props }: { atOnce?: boolean; props?: object } = {},
  ): Promise<Outcome[]> {
    const service = caller === "app" ? "app" : "caller";
    const { status, body } = await this.platform.request(service, "/calls", {
      method: "POST",
      body: JSON.stringify({ binding: caller, calls: calls.map(withoutTrailingUndefined), atOnce, props }),
    });
    assert.equal(status, 200, `${body}\n${this.platform.log}`);
    return JSON.parse(body) as Outcome[];
  }

  /** Makes one call that must succeed. */
  async call<T = Record<string, unknown>>(caller: Caller, ...call: Call): Promise<T> {
    const [outcome] = await this.calls(caller, [call]);
    assert.ok("value" in outcome!, `${call[0]}: ${JSON.stringify(outcome)}\n${this.platform.log}`);
    return outcome.value as T;
  }

  /** Makes one call that must throw, and returns the message. */
  async refused(caller: Caller, ...call: Call): Promise<string> {
    const [outcome] = await this.calls(caller, [call]);
    assert.ok("error" in outcome!, `${call[0]}: ${JSON.stringify(outcome)}`);
    return outcome.error;
  }

  /** Calls a method of the Durable Object. */
  async object<T = Record<string, unknown>>(
    method: string,
    args: unknown[] = [],
    { name = "blog", ahead }: Partial<ObjectCall> = {},
  ): Promise<T> {
    const { body } = await this.platform.request("companion", "/", {
      method: "POST",
      body: JSON.stringify({ name, method, args, ahead }),
    });
    const { result, error } = JSON.parse(body) as { result: T; error?: { name: string; message: string } };
    if (error) throw Object.assign(new Error(error.message), { name: error.name });
    return result;
  }

  /** The overlay record in KV. */
  record(site = "blog"): { revision: number; entries: Record<string, unknown>[] } | undefined {
    const value = this.platform.kv.values.get(`${site}/o/record`);
    return value && (JSON.parse(value.toString()) as { revision: number; entries: Record<string, unknown>[] });
  }

  /** Waits until KV has the current revision, and returns the record. */
  async published(site = "blog"): Promise<NonNullable<ReturnType<World["record"]>>> {
    const [row] = await this.object<{ state: string }[]>("query", ["SELECT state FROM state"], { name: site });
    const { revision } = JSON.parse(row!.state) as { revision: number };
    await until(() => (this.record(site)?.revision ?? -1) >= revision, `revision ${revision} of ${site} in KV`);
    return this.record(site)!;
  }

  /** The keys of the overlay's blobs. */
  blobs(site = "blog"): string[] {
    return [...this.platform.kv.values.keys()].filter((key) => key.startsWith(`${site}/o/b/`));
  }
}

/** Removes trailing undefined arguments, which would become null in JSON. */
function withoutTrailingUndefined(call: Call): Call {
  const last = call.findLastIndex((argument) => argument !== undefined);
  return call.slice(0, last + 1) as unknown as Call;
}

/** The timeout of a test that hangs, in milliseconds. Nothing else depends on it. */
export const hangLimit = 120_000;

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + hangLimit; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`timeout while waiting for ${what}`);
}

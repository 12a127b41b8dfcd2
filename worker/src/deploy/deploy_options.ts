// What a platform may tell a deploy.

import type { ProjectCode } from "./code";
import type { HTMLHandling, NotFoundHandling } from "../format/meta";
import { isRecord } from "./upload";

// Both defaults are shared with Go: testdata/policy/defaults.json.
/** For how many deployments removed files stay reachable. */
export const defaultRetain = 5;
/** For how many seconds they do so at least. */
export const defaultGrace = 86_400;

/** How to deploy; all may be left out. */
export interface DeployOptions {
  /** The namespace of the projects; KV_SYNC_BLOBS where it is left out. */
  kv?: KVNamespace;
  /** The project's Worker; without it its assets are all there is. */
  code?: ProjectCode;
  /** Starts code that is new, once, with its own variables: what does not start is refused. */
  start?: Pick<WorkerLoader, "load">;
  /** Who deploys, and why: for the history. */
  actor?: string;
  subject?: string;
  html_handling?: HTMLHandling;
  not_found_handling?: NotFoundHandling;
  /**
   * Whether what is written at run time lies over the files: as it was, where
   * it is left out.
   */
  overlay?: boolean;
  /** For how many deployments, this one among them, and for how many seconds at least what is gone stays reachable. */
  retain?: number;
  grace?: number;
  /**
   * Patterns of files that everyone may read although the code gets every
   * request, such as "/assets/*": of files that are gone, only these stay
   * reachable. Without code all do.
   */
  retire?: string[];
  /** Lets a deploy have no file, or less than half as many as are live. */
  allowShrink?: boolean;
  /** Uploads everything under new keys, believing nothing of what is live. */
  repair?: boolean;
  /**
   * The `version` that the last deploy returned: where KV still shows an older
   * one here, or somebody else's, nothing is written.
   */
  after?: string;
  /** The most KV writes that a run may make. */
  mostWrites?: number;
  /** The clock, in milliseconds, and the source of random bytes. */
  now?: () => number;
  random?: (bytes: Uint8Array) => void;
}

type Kind = [is: (value: unknown) => boolean, what: string];

/** What each option has to be; of the rest a customer may have given it, so that it is a Problem where it is wrong. */
function kinds(): { [name in Exclude<keyof DeployOptions, "code" | "html_handling" | "not_found_handling">]-?: Kind } {
  const text = (what: string): Kind => [(value) => typeof value === "string", what];
  const flag: Kind = [(value) => typeof value === "boolean", "true or false"];
  const callable: Kind = [(value) => typeof value === "function", "a function"];
  const count = (least: number, what: string): Kind => [
    (value) => Number.isSafeInteger(value) && (value as number) >= least,
    `${what}, ${least} or more`,
  ];
  const having = (method: string, what: string): Kind => [
    (value) => typeof (value as Record<string, unknown> | null)?.[method] === "function",
    what,
  ];
  return {
    kv: having("put", "a KV namespace, such as env.KV_SYNC_BLOBS"),
    start: having("load", "a worker loader, such as env.LOADER"),
    actor: text("a string"),
    subject: text("a string"),
    retain: count(1, "a number of deployments"),
    grace: count(0, "a number of seconds"),
    retire: [
      (value) =>
        Array.isArray(value) && value.every((pattern) => typeof pattern === "string" && pattern.startsWith("/")),
      'patterns of pathnames from their beginning, such as ["/assets/*"]',
    ],
    overlay: flag,
    allowShrink: flag,
    repair: flag,
    after: text("the version that the last deploy returned"),
    mostWrites: count(1, "a number of writes"),
    now: callable,
    random: callable,
  };
}

/** Throws a TypeError that says what to give, as a caller without TypeScript may have given anything. */
export function checkOptions(given: DeployOptions): void {
  if (!isRecord(given))
    throw new TypeError("deployProject: the options are no object; give one like { kv: env.KV_SYNC_BLOBS }, or none");
  for (const [name, [is, what]] of Object.entries(kinds())) {
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined && !is(value))
      throw new TypeError(`deployProject: ${name} is not what it has to be; give ${what}, or leave it out`);
  }
}

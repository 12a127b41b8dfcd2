// The options of a deploy.

import type { HTMLHandling, NotFoundHandling } from "../format/meta";
import type { ProjectCode } from "./code";
import { checkKnown, isRecord } from "./options";

// Both defaults are shared with Go: testdata/policy/defaults.json.
/** For how many deployments removed files stay reachable. */
export const defaultRetain = 5;
/** For how many seconds they do so at least. */
export const defaultGrace = 86_400;

/** Options of deployProject. */
export interface DeployOptions {
  /** The namespace of the projects; the default is KV_SYNC_BLOBS. */
  kv?: KVNamespace;
  /** The project's code. Without it the project has only assets. */
  code?: ProjectCode;
  /** If set, new code is started once with its variables, and refused if it does not start. */
  start?: Pick<WorkerLoader, "load">;
  /** The author and the reason of the deploy, for the history. */
  actor?: string;
  subject?: string;
  html_handling?: HTMLHandling;
  not_found_handling?: NotFoundHandling;
  /**
   * Whether the project has an overlay. The default is the current state.
   */
  overlay?: boolean;
  /**
   * How long removed files stay reachable: for this many deployments including this one, and at least these seconds.
   */
  retain?: number;
  grace?: number;
  /**
   * Patterns of files that everyone may read although the code gets every request, such as "/assets/*". Of the removed
   * files, only these stay reachable. Without code, all do.
   */
  retire?: string[];
  /** Allows a deploy with no files, or with less than half as many as are live. */
  allowShrink?: boolean;
  /** Uploads everything under new keys, and carries over nothing from the live deployment. */
  repair?: boolean;
  /**
   * The `version` that the last deploy returned. If KV shows another one here, nothing is written, and it is a
   * StaleError.
   */
  after?: string;
  /** The limit of KV calls. */
  mostWrites?: number;
  /** The clock in milliseconds, and the source of random bytes. */
  now?: () => number;
  random?: (bytes: Uint8Array) => void;
}

type Kind = [is: (value: unknown) => boolean, what: string];

/** The kinds of the options. The others may come from a customer, so invalid ones are problems instead. */
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

/** Throws a TypeError for an invalid option. A caller without TypeScript may pass anything. */
export function checkOptions(given: DeployOptions): void {
  if (!isRecord(given))
    throw new TypeError(
      "deployProject: the options are not an object; use one like { kv: env.KV_SYNC_BLOBS }, or none",
    );
  const known = kinds();
  checkKnown("deployProject", given, [...Object.keys(known), "code", "html_handling", "not_found_handling"]);
  for (const [name, [is, what]] of Object.entries(known)) {
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined && !is(value))
      throw new TypeError(`deployProject: invalid ${name}; use ${what}, or leave it out`);
  }
}

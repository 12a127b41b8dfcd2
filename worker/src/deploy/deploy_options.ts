// The options of a deploy.

import type { HTMLHandling, NotFoundHandling } from "../format/meta";
import type { ProjectCode } from "./code";
import { checkKnown, isRecord } from "./options";

// The Go side has the same defaults: testdata/policy/defaults.json.
/** The number of deployments for which removed files stay reachable. */
export const defaultRetain = 5;
/** The minimum number of seconds for which removed files stay reachable. */
export const defaultGrace = 86_400;

/** Options of deployProject. */
export interface DeployOptions {
  /** The namespace of the projects; the default is KV_SYNC_BLOBS. */
  kv?: KVNamespace;
  /** The project's code. Without it the project has only assets. */
  code?: ProjectCode;
  /** If set, new code is started once before the switch, and refused if it does not start. */
  start?: Pick<WorkerLoader, "load">;
  /** The author of the deploy, for the history. */
  actor?: string;
  /** The reason of the deploy, for the history. */
  subject?: string;
  html_handling?: HTMLHandling;
  not_found_handling?: NotFoundHandling;
  /** Whether the project has an overlay. By default this does not change. */
  overlay?: boolean;
  /** The number of deployments, including this one, for which removed files stay reachable. */
  retain?: number;
  /** The minimum number of seconds for which removed files stay reachable. */
  grace?: number;
  /**
   * Patterns of public files, such as "/assets/*". If the project has code, a removed file stays reachable only if it
   * matches one: the code may have restricted access to the others. Without code, all removed files stay reachable.
   */
  retire?: string[];
  /** Allows a deploy without files, or with less than half as many files as the live deployment. */
  allowShrink?: boolean;
  /** Uploads everything under new keys, and carries over nothing from the live deployment. */
  repair?: boolean;
  /**
   * The `version` that the caller's last deploy returned. If KV shows another version, the deploy writes nothing and
   * throws a StaleError.
   */
  after?: string;
  /** The maximum number of KV calls; the default is 980. */
  mostWrites?: number;
  /** The clock, in milliseconds since 1970 UTC. */
  now?: () => number;
  /** The source of random bytes. */
  random?: (bytes: Uint8Array) => void;
}

type OptionCheck = [isValid: (value: unknown) => boolean, expected: string];

/** These options may come from a customer. An invalid value is a problem in a RefusedError, not a TypeError. */
type CustomerOption = "code" | "html_handling" | "not_found_handling";

/** The checks of all other options. */
function optionChecks(): { [name in Exclude<keyof DeployOptions, CustomerOption>]-?: OptionCheck } {
  const text = (expected: string): OptionCheck => [(value) => typeof value === "string", expected];
  const flag: OptionCheck = [(value) => typeof value === "boolean", "true or false"];
  const callable: OptionCheck = [(value) => typeof value === "function", "a function"];
  const count = (min: number, expected: string): OptionCheck => [
    (value) => Number.isSafeInteger(value) && (value as number) >= min,
    `${expected}, ${min} or more`,
  ];
  const withMethod = (method: string, expected: string): OptionCheck => [
    (value) => typeof (value as Record<string, unknown> | null)?.[method] === "function",
    expected,
  ];
  return {
    kv: withMethod("put", "a KV namespace, such as env.KV_SYNC_BLOBS"),
    start: withMethod("load", "a worker loader, such as env.LOADER"),
    actor: text("a string"),
    subject: text("a string"),
    retain: count(1, "a number of deployments"),
    grace: count(0, "a number of seconds"),
    retire: [
      (value) =>
        Array.isArray(value) && value.every((pattern) => typeof pattern === "string" && pattern.startsWith("/")),
      'patterns of pathnames that begin with a slash, such as ["/assets/*"]',
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
  const checks = optionChecks();
  checkKnown("deployProject", given, [...Object.keys(checks), "code", "html_handling", "not_found_handling"]);
  for (const [name, [isValid, expected]] of Object.entries(checks)) {
    const value = (given as Record<string, unknown>)[name];
    if (value !== undefined && !isValid(value))
      throw new TypeError(`deployProject: invalid ${name}; use ${expected}, or leave it out`);
  }
}

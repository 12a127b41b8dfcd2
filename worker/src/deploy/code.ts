// Checks a project's code, and encodes it for KV.

import type { EncodedModule } from "../dynamic/version";
import { comparePaths } from "../format/compare_paths";
import { toPart } from "../kv/body_parts";
import type { Problem } from "../rules/problem";
import { isRecord } from "./options";

/** The bytes of a module. */
export type ModuleContent = string | ArrayBuffer | Uint8Array;

/** One module. A plain string is JavaScript. */
export type ProjectModule =
  | string
  | { js: string }
  | { text: string }
  | { wasm: ModuleContent }
  | { data: ModuleContent };

/** The code of a Dynamic Worker. */
export interface ProjectCode {
  /** The name of the main module. Its default export handles requests. */
  main: string;
  modules: Record<string, ProjectModule>;
  /** The compatibility date, as "YYYY-MM-DD". */
  compatibilityDate: string;
  compatibilityFlags?: string[];
  /** Variables with JSON values. */
  env?: Record<string, unknown>;
}

/** The members of an encoded version that describe its code, in the order of the encoding. */
export interface EncodedCode {
  main: string;
  compatibility_date: string;
  compatibility_flags?: string[];
  modules: Record<string, EncodedModule>;
  env?: Record<string, unknown>;
}

/** Encodes code with sorted names, so that equal code gives equal text. Adds a problem for each invalid part. */
export function encodeCode(code: ProjectCode, problems: Problem[]): EncodedCode {
  const addProblem = (path: string, reason: string, fix: string) =>
    problems.push({ path: path.toWellFormed(), reason, fix });
  const { main, compatibilityDate, ...given } = isRecord(code) ? code : ({} as ProjectCode);
  const modules = recordOf(given.modules);
  const env = given.env === undefined ? {} : recordOf(given.env);
  if (!modules) addProblem("code", "modules is not an object", 'use one like { "index.js": "export default { … }" }');
  if (!env) addProblem("code", "env is not an object", 'use one like { "GREETING": "hello" }, or none');
  const encoded = Object.entries(modules ?? {}).map(([name, module]): [string, EncodedModule] => {
    const result = encodeModule(module);
    if (!result || name === "")
      addProblem(
        `code: ${name}`,
        "the module has no name, or is not js, text, wasm or data",
        "use a name, and an object with one of these members",
      );
    return [name, result ?? { js: "" }];
  });
  const entry = encoded.find(([name]) => name === main)?.[1];
  if (!entry || !("js" in entry))
    addProblem(
      "code",
      `main is ${JSON.stringify(main) ?? "nothing"}, which is not a JavaScript module`,
      "use the name of a module",
    );
  if (typeof compatibilityDate !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(compatibilityDate))
    addProblem("code", "invalid compatibility date", 'use one like "2026-01-01"');
  const flags: unknown = given.compatibilityFlags === undefined ? [] : given.compatibilityFlags;
  const compatibilityFlags =
    Array.isArray(flags) && flags.every((flag) => typeof flag === "string" && /^\w+$/.test(flag))
      ? (flags as string[])
      : undefined;
  if (!compatibilityFlags)
    addProblem("code", "invalid compatibility flags", 'use a list of names like "nodejs_compat"');
  const variables = Object.entries(env ?? {});
  for (const [name, value] of variables) {
    if (name === "ASSETS")
      addProblem(`code: ${name}`, "env.ASSETS is reserved for the assets of the project", "rename the variable");
    if (!isJSON(value))
      addProblem(
        `code: ${name}`,
        "the variable is not a JSON value",
        "use a string, number, boolean, null, list or object; bindings come from the loader",
      );
  }
  return {
    main,
    compatibility_date: compatibilityDate,
    ...(compatibilityFlags && compatibilityFlags.length > 0 && { compatibility_flags: compatibilityFlags }),
    modules: sorted(encoded),
    ...(variables.length > 0 && { env: sorted(variables) }),
  };
}

/** Returns the contents of all modules. It accepts any value, because callers without TypeScript may pass anything. */
export function moduleContents(code: ProjectCode | undefined): unknown[] {
  const modules: unknown = isRecord(code) ? code.modules : undefined;
  return Object.values(isRecord(modules) ? modules : {}).flatMap((module) =>
    isRecord(module) ? Object.values(module) : [module],
  );
}

function encodeModule(module: ProjectModule): EncodedModule | undefined {
  if (typeof module === "string") return { js: module };
  const members = Object.entries(module ?? {}) as [string, unknown][];
  const [kind, content] = members[0] ?? [];
  if (members.length !== 1) return undefined;
  if (kind === "js" || kind === "text")
    return typeof content === "string" ? ({ [kind]: content } as EncodedModule) : undefined;
  if (kind !== "wasm" && kind !== "data") return undefined;
  if (!(typeof content === "string" || content instanceof ArrayBuffer || content instanceof Uint8Array))
    return undefined;
  return { [kind]: (toPart(content) as Uint8Array).toBase64() } as EncodedModule;
}

function recordOf<T>(value: Record<string, T> | undefined): Record<string, T> | undefined {
  return isRecord(value) ? value : undefined;
}

/** Returns an object with its members sorted by name. A member "__proto__" is kept. */
function sorted<T>(members: [string, T][]): Record<string, T> {
  return Object.fromEntries(members.sort(([a], [b]) => comparePaths(a, b)));
}

function isJSON(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

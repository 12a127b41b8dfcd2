// Checks a project's code, and encodes it for KV.

import type { EncodedModule } from "../dynamic/version";
import { comparePaths } from "../format/compare_paths";
import { whole } from "../kv/body_parts";
import type { Problem } from "../rules/problem";
import { isRecord } from "./options";

/** The bytes of a module. */
export type ModuleContent = string | ArrayBuffer | Uint8Array;

/** One module. A string is JavaScript. */
export type ProjectModule =
  | string
  | { js: string }
  | { text: string }
  | { wasm: ModuleContent }
  | { data: ModuleContent };

/** The code of a Dynamic Worker. */
export interface ProjectCode {
  /** The module whose default export is called. */
  main: string;
  modules: Record<string, ProjectModule>;
  /** "YYYY-MM-DD" */
  compatibilityDate: string;
  compatibilityFlags?: string[];
  /** Variables with JSON values. */
  env?: Record<string, unknown>;
}

/** The members of a version for its code, in the order of the encoding. */
export interface EncodedCode {
  main: string;
  compatibility_date: string;
  compatibility_flags?: string[];
  modules: Record<string, EncodedModule>;
  env?: Record<string, unknown>;
}

/** Encodes code with sorted names, so that equal code has equal text. Adds a problem for everything invalid. */
export function encodeCode(code: ProjectCode, problems: Problem[]): EncodedCode {
  const refuse = (path: string, reason: string, fix: string) =>
    problems.push({ path: path.toWellFormed(), reason, fix });
  const { main, compatibilityDate, ...given } = isRecord(code) ? code : ({} as ProjectCode);
  const modules = recordOf(given.modules);
  const env = given.env === undefined ? {} : recordOf(given.env);
  if (!modules) refuse("code", "modules is not an object", 'use one like { "index.js": "export default { … }" }');
  if (!env) refuse("code", "env is not an object", 'use one like { "GREETING": "hello" }, or none');
  const encoded = Object.entries(modules ?? {}).map(([name, module]): [string, EncodedModule] => {
    const result = encodeModule(module);
    if (!result || name === "")
      refuse(
        `code: ${name}`,
        "the module has no name, or is not js, text, wasm or data",
        "use a name, and an object with one of these members",
      );
    return [name, result ?? { js: "" }];
  });
  const entry = encoded.find(([name]) => name === main)?.[1];
  if (!entry || !("js" in entry))
    refuse(
      "code",
      `main is ${JSON.stringify(main) ?? "nothing"}, which is not a JavaScript module`,
      "use the name of a module",
    );
  if (typeof compatibilityDate !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(compatibilityDate))
    refuse("code", "invalid compatibility date", 'use one like "2026-01-01"');
  const flags: unknown = given.compatibilityFlags === undefined ? [] : given.compatibilityFlags;
  const compatibilityFlags =
    Array.isArray(flags) && flags.every((flag) => typeof flag === "string" && /^\w+$/.test(flag))
      ? (flags as string[])
      : undefined;
  if (!compatibilityFlags) refuse("code", "invalid compatibility flags", 'use a list of names like "nodejs_compat"');
  const variables = Object.entries(env ?? {});
  for (const [name, value] of variables) {
    if (name === "ASSETS")
      refuse(`code: ${name}`, "env.ASSETS is reserved for the assets of the project", "rename the variable");
    if (!isJSON(value))
      refuse(
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

/** The contents of all modules. A caller without TypeScript may pass anything. */
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
  return { [kind]: (whole(content) as Uint8Array).toBase64() } as EncodedModule;
}

function recordOf<T>(value: Record<string, T> | undefined): Record<string, T> | undefined {
  return isRecord(value) ? value : undefined;
}

/** A new object with all members in order, including "__proto__". */
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

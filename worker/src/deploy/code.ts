// A project's code as a platform gives it, checked and put into the form that
// lies in KV.

import { whole } from "../kv/body_parts";
import type { Problem } from "../rules/problem";
import { comparePaths } from "../format/compare_paths";
import { isRecord } from "./upload";
import type { EncodedModule } from "../dynamic/version";

/** The bytes of a module. */
export type ModuleContent = string | ArrayBuffer | Uint8Array;

/** One module: JavaScript where it is a text alone. */
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
  /** Variables, as JSON can hold them. */
  env?: Record<string, unknown>;
}

/** The members of a version that code has, in their order there. */
export interface EncodedCode {
  main: string;
  compatibility_date: string;
  compatibility_flags?: string[];
  modules: Record<string, EncodedModule>;
  env?: Record<string, unknown>;
}

/** Puts code into a version's form, its names in order, so that equal code is equal text; what is wrong with it are problems. */
export function encodeCode(code: ProjectCode, problems: Problem[]): EncodedCode {
  const refuse = (path: string, reason: string, fix: string) =>
    problems.push({ path: path.toWellFormed(), reason, fix });
  const { main, compatibilityDate, ...given } = isRecord(code) ? code : ({} as ProjectCode);
  const modules = recordOf(given.modules);
  const env = given.env === undefined ? {} : recordOf(given.env);
  if (!modules)
    refuse("code", "the modules are no record by name", 'give them like { "index.js": "export default { … }" }');
  if (!env) refuse("code", "the variables are no record by name", 'give them like { "GREETING": "hello" }, or none');
  const encoded = Object.entries(modules ?? {}).map(([name, module]): [string, EncodedModule] => {
    const result = encodeModule(module);
    if (!result || name === "")
      refuse(
        `code: ${name}`,
        "the module has no name, or is none of js, text, wasm and data",
        "give a name, and an object with one of these members",
      );
    return [name, result ?? { js: "" }];
  });
  const entry = encoded.find(([name]) => name === main)?.[1];
  if (!entry || !("js" in entry))
    refuse(
      "code",
      `main is ${JSON.stringify(main) ?? "nothing"}, and no JavaScript module is called so`,
      "name one of modules",
    );
  if (typeof compatibilityDate !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(compatibilityDate))
    refuse("code", "the compatibility date is none", 'give one like "2026-01-01"');
  const flags: unknown = given.compatibilityFlags === undefined ? [] : given.compatibilityFlags;
  const compatibilityFlags =
    Array.isArray(flags) && flags.every((flag) => typeof flag === "string" && /^\w+$/.test(flag))
      ? (flags as string[])
      : undefined;
  if (!compatibilityFlags) refuse("code", "a compatibility flag is none", 'give a list of names like "nodejs_compat"');
  const variables = Object.entries(env ?? {});
  for (const [name, value] of variables) {
    if (name === "ASSETS")
      refuse(
        `code: ${name}`,
        "a project's code gets its assets from its loader as env.ASSETS, which nothing else can be",
        "give the variable another name",
      );
    if (!isJSON(value))
      refuse(
        `code: ${name}`,
        "the variable is nothing that JSON can hold",
        "give a string, number, boolean, null, list or object; bindings come from the loader",
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

/** What the modules of code hold, as far as it is code: a caller without TypeScript may have given anything. */
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

/** An object of its own with all members, "__proto__" too. */
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

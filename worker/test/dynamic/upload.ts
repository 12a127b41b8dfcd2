// A platform's upload API for the tests: it deploys what a test vector
// describes, with the vector's clock and random bytes.

import { deployProject, RefusedError, type DeployOptions, type ProjectCode, type ProjectFiles } from "../../src/dynamic";

/** A deploy as testdata/project/*.json describe one. */
export interface Deploy {
  project: string;
  /** Milliseconds since 1970 UTC; the clock itself where it is left out. */
  now?: number;
  /** 4 bytes in hexadecimal. */
  random: string;
  /** By pathname, in base64; in an object with the content type that is given for it. */
  files: Record<string, string | { body: string; contentType: string }>;
  /** Modules of bytes in base64. */
  code?: Omit<ProjectCode, "modules"> & { modules: Record<string, { js: string } | { text: string } | { wasm: string } | { data: string }> };
  options?: Omit<DeployOptions, "kv" | "code" | "now" | "random">;
}

export default {
  async fetch(request) {
    const { project, now, random, files, code, options } = (await request.json()) as Deploy;
    try {
      const result = await deployProject(project, decodeFiles(files), {
        ...options,
        ...(code && { code: decodeCode(code) }),
        now: () => now ?? Date.now(),
        random: (bytes) => bytes.set(Uint8Array.fromHex(random)),
      });
      return Response.json(result);
    } catch (error) {
      const problems = error instanceof RefusedError ? error.problems : undefined;
      return Response.json({ name: (error as Error).name, error: (error as Error).message, problems }, { status: 422 });
    }
  },
} satisfies ExportedHandler;

function decodeFiles(files: Deploy["files"]): ProjectFiles {
  return new Map(
    Object.entries(files).map(([path, file]) => [
      path,
      typeof file === "string" ? Uint8Array.fromBase64(file) : { body: Uint8Array.fromBase64(file.body).buffer, contentType: file.contentType },
    ]),
  );
}

function decodeCode({ modules, ...rest }: NonNullable<Deploy["code"]>): ProjectCode {
  return {
    ...rest,
    modules: Object.fromEntries(
      Object.entries(modules).map(([name, module]) => {
        if ("wasm" in module) return [name, { wasm: Uint8Array.fromBase64(module.wasm) }];
        if ("data" in module) return [name, { data: Uint8Array.fromBase64(module.data).buffer }];
        return [name, module];
      }),
    ),
  };
}

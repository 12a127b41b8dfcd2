// The upload API of a test platform. It deploys a test vector, with the clock and the
// random bytes of the vector.

import { expand, type Value } from "../../../test/values";
import {
  type DeployOptions,
  deployProject,
  type FileContent,
  type ProjectCode,
  type ProjectFiles,
  RefusedError,
} from "../../dynamic";

/** A deploy in testdata/project/*.json. */
export interface Deploy {
  project: string;
  /** Milliseconds since 1970 UTC; the default is the clock. */
  now?: number;
  /** 4 bytes in hexadecimal. */
  random: string;
  /** Files by pathname. An object also names the content type, or the form in which the body is passed. */
  files: Record<string, Value | DescribedFile>;
  /** Modules; bytes are in base64. */
  code?: Omit<ProjectCode, "modules"> & {
    modules: Record<string, { js: string } | { text: string } | { wasm: string } | { data: string }>;
  };
  options?: Omit<DeployOptions, "kv" | "code" | "start" | "now" | "random">;
  /** Whether the start check runs. */
  start?: boolean;
}

export interface DescribedFile {
  body: Value;
  contentType?: string;
  as?: "stream" | "broken stream" | "read stream" | "blob" | "text";
}

export default {
  async fetch(request, env) {
    const described = (await request.json()) as Deploy | { arguments: Parameters<typeof deployProject> };
    if ("arguments" in described) return answer(deployProject(...described.arguments));
    const { project, now, random, files, code, options, start } = described;
    return answer(
      deployProject(project, decodeFiles(files), {
        ...options,
        ...(code && { code: decodeCode(code) }),
        ...(start && { start: env.LOADER }),
        now: () => now ?? Date.now(),
        random: (bytes) => bytes.set(Uint8Array.fromHex(random)),
      }),
    );
  },
} satisfies ExportedHandler<{ LOADER: WorkerLoader }>;

async function answer(result: Promise<object>): Promise<Response> {
  try {
    return Response.json(await result);
  } catch (error) {
    const problems = error instanceof RefusedError ? error.problems : undefined;
    return Response.json({ name: (error as Error).name, error: (error as Error).message, problems }, { status: 422 });
  }
}

function decodeFiles(files: Deploy["files"]): ProjectFiles {
  return new Map(
    Object.entries(files).map(([path, file]) => {
      if (typeof file === "string" || "runs" in file) return [path, expand(file)];
      const body = decodeBody(file);
      return [path, file.contentType === undefined ? body : { body, contentType: file.contentType }];
    }),
  );
}

function decodeBody({ body, as }: DescribedFile): FileContent {
  const bytes = expand(body);
  if (as === "blob") return new Blob([bytes]);
  if (as === "text") return new TextDecoder().decode(bytes);
  if (as === undefined) return bytes.buffer;
  const stream = new Response(bytes).body!;
  if (as === "read stream") stream.getReader();
  return as === "broken stream"
    ? stream.pipeThrough(new TransformStream({ transform: () => Promise.reject(new Error("connection lost")) }))
    : stream;
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

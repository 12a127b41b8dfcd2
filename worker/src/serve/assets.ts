// The bindings of a site's Worker, and its assets as a service.

import type { OverlayNamespace } from "../format/overlay_entry";

/** The bindings of a version that kv-sync deploys. */
export interface Env {
  /** The namespace of the blobs. */
  KV_SYNC_BLOBS: KVNamespace;
  /** The stamp of the version. Serving does not need it. */
  KV_SYNC?: unknown;
  /** The Durable Objects of overlays, in the companion script. Without it, adopted writes are not dropped there. */
  KV_SYNC_OVERLAY?: OverlayNamespace | undefined;
}

/** The assets of a site, with the interface of a service binding. */
export interface Assets {
  /** Answers a request. It never throws: an error is a 5xx and a line in the log. */
  fetch(request: Request, env: Env, ctx?: ExecutionContext): Promise<Response>;
}

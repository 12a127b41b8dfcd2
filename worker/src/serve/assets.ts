// The bindings of a site's Worker, and the interface of its assets.

import type { OverlayNamespace } from "../format/overlay_entry";

/** The bindings of a version that kv-sync deploys. */
export interface Env {
  /** The namespace of the blobs. */
  KV_SYNC_BLOBS: KVNamespace;
  /** The stamp of the version. Serving does not need it. */
  KV_SYNC?: unknown;
  /** The Durable Objects of overlays, in the companion script. Without the binding, adopted writes are not dropped. */
  KV_SYNC_OVERLAY?: OverlayNamespace | undefined;
}

/** The assets of a site. The interface is that of a service binding. */
export interface Assets {
  /** Answers a request. It never throws: an error is logged, and the response is a 5xx. */
  fetch(request: Request, env: Env, ctx?: ExecutionContext): Promise<Response>;
}

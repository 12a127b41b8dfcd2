// The handler: a request in, a Response out. What it needs to decide is in the
// files beside it, as functions of plain values.

import type { OverlayNamespace } from "../format/overlay_entry";

/** The bindings that kv-sync gives to a version that it deploys. */
export interface Env {
  /** The namespace that holds the blobs. */
  KV_SYNC_BLOBS: KVNamespace;
  /** What the version says of itself; serving does not need it. */
  KV_SYNC?: unknown;
  /** The overlays' Durable Objects, in the companion script. Where it is left out, what was adopted is not dropped there. */
  KV_SYNC_OVERLAY?: OverlayNamespace | undefined;
}

/** A site's assets, to be asked like any service binding. */
export interface Assets {
  /** Answers a request. It never throws: what goes wrong is a 5xx and a line in the log. */
  fetch(request: Request, env: Env, ctx?: ExecutionContext): Promise<Response>;
}

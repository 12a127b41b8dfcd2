// The site of the version that this runs in. There is one in an isolate, whoever
// asks for it.

import { Site } from "./site";
import manifest from "./kv-sync-manifest.bin";
import { Manifest } from "../format/manifest";

/** Throws a ManifestError at start-up, where Cloudflare refuses the version. */
export const site = new Site(new Manifest(manifest));

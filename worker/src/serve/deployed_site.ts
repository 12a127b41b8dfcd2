// The site of the Worker version that this code runs in. There is one per isolate.

import { Manifest } from "../format/manifest";
import manifest from "./kv-sync-manifest.bin";
import { Site } from "./site";

/** Opening an invalid manifest throws at start-up, so that Cloudflare refuses the version. */
export const site = new Site(new Manifest(manifest));

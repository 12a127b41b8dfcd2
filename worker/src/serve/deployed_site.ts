// The site of the Worker version that this code runs in. There is one per isolate.

import manifest from "./kv-sync-manifest.bin";
import { openDeployed } from "./parted";
import { Site } from "./site";

/** Opening an invalid manifest throws at start-up, so that Cloudflare refuses the version. */
export const site = new Site(openDeployed(manifest));

// The site of the version that this code runs in. An isolate has one.

import { Manifest } from "../format/manifest";
import manifest from "./kv-sync-manifest.bin";
import { Site } from "./site";

/** It throws a ManifestError at start-up, so that Cloudflare refuses the version. */
export const site = new Site(new Manifest(manifest));

// Another Worker with a service binding to the site's entrypoint.

import type { ReadWriteAssets } from "../read_write_assets";
import { type Call, makeCalls } from "./calls";

export default {
  async fetch(request, env: Record<string, ReadWriteAssets>) {
    const { binding, calls, atOnce } = await request.json<{ binding: string; calls: Call[]; atOnce: boolean }>();
    return Response.json(await makeCalls(env[binding]!, calls, atOnce));
  },
} satisfies ExportedHandler<Record<string, ReadWriteAssets>>;

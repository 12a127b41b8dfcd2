import "../../src/kv/test/byte_budget.inside";
import "../../src/serve/test/caching.inside";
import "../../src/format/test/chunks.inside";
import "../../src/serve/test/conditional.inside";
import "../../src/dynamic/test/dynamic.inside";
import "../../src/rules/test/glob.inside";
import "../../src/overlay/test/edit_error.inside";
import "../../src/rules/test/html.inside";
import "../../src/serve/test/http_date.inside";
import "../../src/kv/test/kv_write.inside";
import "../../src/overlay/test/listing.inside";
import "../../src/format/test/manifest.inside";
import "../../src/format/test/meta.inside";
import "../../src/serve/test/overlay.inside";
import "../../src/overlay/test/overlay_client.inside";
import "../../src/rules/test/pathname.inside";
import "../../src/rules/test/pattern.inside";
import "../../src/dynamic/test/project.inside";
import "../../src/serve/test/range.inside";
import "../../src/rules/test/redirect_loops.inside";
import "../../src/rules/test/redirects.inside";
import "../../src/rules/test/routing.inside";
import "../../src/deploy/test/start_check.inside";
import "../../src/format/test/stored.inside";
import "../../src/serve/test/target.inside";
import { runAll, type Vectors } from "./harness";

export default {
  async test(_controller: unknown, env: { VECTORS: Vectors }) {
    await runAll(env.VECTORS);
  },
};

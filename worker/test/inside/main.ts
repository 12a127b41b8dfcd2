import "./byte_budget";
import "./caching";
import "./chunks";
import "./conditional";
import "./dynamic";
import "./glob";
import "./edit_error";
import "./html";
import "./http_date";
import "./kv_write";
import "./listing";
import "./manifest";
import "./meta";
import "./overlay";
import "./overlay_client";
import "./pathname";
import "./pattern";
import "./project";
import "./range";
import "./redirect_loops";
import "./redirects";
import "./routing";
import "./start_check";
import "./stored";
import "./target";
import { runAll, type Vectors } from "./harness";

export default {
  async test(_controller: unknown, env: { VECTORS: Vectors }) {
    await runAll(env.VECTORS);
  },
};

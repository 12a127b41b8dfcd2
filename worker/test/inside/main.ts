// The Worker that runs the tests. inside.test.ts bundles it together with them.

import { runAll, type Vectors } from "./harness";

export default {
  async test(_controller: unknown, env: { VECTORS: Vectors }) {
    await runAll(env.VECTORS);
  },
};

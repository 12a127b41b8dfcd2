// The Worker that runs the tests which inside.test.ts imports beside it.

import { runAll, type Vectors } from "./harness";

export default {
  async test(_controller: unknown, env: { VECTORS: Vectors }) {
    await runAll(env.VECTORS);
  },
};

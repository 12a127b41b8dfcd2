// The companion script for the tests: its clock can be put forward, and its
// alarm be called by hand.

import { Overlay, type OverlayEnv } from "../../overlay";

let ahead = 0;

class TestOverlay extends Overlay {
  constructor(ctx: DurableObjectState, env: OverlayEnv) {
    super(ctx, env, () => Date.now() + ahead);
  }

  /** Gives the time of the alarm that was set by this one, before that can come. */
  async ring(): Promise<number | null> {
    await this.alarm();
    return this.ctx.storage.getAlarm();
  }

  alarmAt(): Promise<number | null> {
    return this.ctx.storage.getAlarm();
  }

  query(sql: string): unknown[] {
    return this.ctx.storage.sql.exec(sql).toArray();
  }
}

export { TestOverlay as Overlay };

interface Env {
  OVERLAYS: DurableObjectNamespace<TestOverlay>;
}

/** A call of a Durable Object as a test sends it. */
export interface ObjectCall {
  /** The object's name. */
  name: string;
  method: string;
  args: unknown[];
  /** By how many milliseconds the clock goes ahead from now on. */
  ahead?: number;
}

export default {
  async fetch(request, env) {
    const { name, method, args, ahead: by } = await request.json<ObjectCall>();
    if (by !== undefined) ahead = by;
    const stub = env.OVERLAYS.get(env.OVERLAYS.idFromName(name)) as unknown as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    try {
      const result = await stub[method]!(...args);
      const bytes = (result as { manifest?: Uint8Array } | null)?.manifest;
      return Response.json({ result: bytes ? { ...(result as object), manifest: [...bytes] } : (result ?? null) });
    } catch (error) {
      return Response.json({ error: { name: (error as Error).name, message: (error as Error).message } });
    }
  },
} satisfies ExportedHandler<Env>;

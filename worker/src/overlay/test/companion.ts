// The companion script of the tests. Its clock can be advanced, and its alarm can
// be called.

import { Overlay, type OverlayEnv } from "../../overlay";

let ahead = 0;

class TestOverlay extends Overlay {
  constructor(ctx: DurableObjectState, env: OverlayEnv) {
    super(ctx, env, () => Date.now() + ahead);
  }

  /** Runs the alarm, and returns the time of the next one that it has set. */
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

/** A call of a Durable Object. */
export interface ObjectCall {
  /** The object's name. */
  name: string;
  method: string;
  args: unknown[];
  /** How far the clock is ahead from now on, in milliseconds. */
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

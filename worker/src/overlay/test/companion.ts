// The companion script of the tests. Tests can advance its clock, and run its alarm.

import { Overlay, type OverlayEnv } from "../../overlay";

let ahead = 0;

class TestOverlay extends Overlay {
  constructor(ctx: DurableObjectState, env: OverlayEnv) {
    super(ctx, env, () => Date.now() + ahead);
  }

  /** Runs the alarm, and returns the time of the next alarm. */
  async runAlarm(): Promise<number | null> {
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
  /** From now on, the clock is this number of milliseconds ahead. */
  ahead?: number;
}

export default {
  async fetch(request, env) {
    const { name, method, args, ahead: newAhead } = await request.json<ObjectCall>();
    if (newAhead !== undefined) ahead = newAhead;
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

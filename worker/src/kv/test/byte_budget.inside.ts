import assert from "node:assert/strict";
import { test } from "../../../test/inside/harness";
import { type BudgetOptions, BusyError, ByteBudget, type Lease } from "../byte_budget";
import { readWithin, StalledError } from "../stream_window";

/** Creates a budget with a clock that the test advances. */
function createBudget(options: Partial<BudgetOptions> = {}) {
  let now = 0;
  let waking: (() => void)[] = [];
  const budget = new ByteBudget({
    capacity: 100,
    share: 1 / 2,
    maxWaiters: 8,
    maxWaitMs: 1_000,
    now: () => now,
    sleep: () => new Promise<void>((resolve) => waking.push(resolve)),
    ...options,
  });
  /** Advances the clock, and lets all waiting claims check again. */
  const pass = async (ms: number) => {
    now += ms;
    const woken = waking;
    waking = [];
    for (const wake of woken) wake();
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  /** Starts a claim. The result gets the lease or the error when the claim ends. */
  const claim = (bytes: number, tenant: string) => {
    const it: { lease?: Lease; error?: unknown } = {};
    budget.acquire(bytes, tenant).then(
      (lease) => (it.lease = lease),
      (error: unknown) => (it.error = error),
    );
    return it;
  };
  return { budget, pass, claim };
}

test("the budget is never exceeded, and claims are served in order", async () => {
  const { budget, pass, claim } = createBudget();
  const a = claim(60, "a");
  await pass(0);
  const b = claim(60, "b");
  const c = claim(50, "c");
  await pass(50);
  assert.deepEqual(
    [!!a.lease, !!b.lease, !!c.lease, budget.state],
    [true, false, false, { held: 60, highest: 60, waiting: 2 }],
  );
  a.lease!.release();
  a.lease!.release();
  const d = claim(50, "d"); // b came before it
  await pass(50);
  assert.deepEqual([!!b.lease, !!c.lease, !!d.lease], [true, false, false]);
  b.lease!.release();
  await pass(50);
  assert.deepEqual([!!c.lease, !!d.lease, budget.state], [true, true, { held: 100, highest: 100, waiting: 0 }]);
});

test("a project gets at most its share, and waits only for its own claims", async () => {
  const { pass, claim } = createBudget();
  const first = claim(40, "project/a");
  await pass(0);
  const second = claim(40, "project/a");
  const other = claim(40, "project/b");
  await pass(50);
  assert.deepEqual([!!first.lease, !!second.lease, !!other.lease], [true, false, true]);
  first.lease!.release();
  await pass(50);
  assert.ok(second.lease);
  // A site has its own Worker.
  const { pass: on, claim: of } = createBudget();
  const all = [of(50, "a"), of(50, "a")];
  await on(0);
  assert.ok(all.every(({ lease }) => lease));
});

test("a claim above the capacity counts as the capacity", async () => {
  const { budget, pass, claim } = createBudget();
  const a = claim(1e9, "project/a");
  await pass(0);
  assert.ok(a.lease);
  assert.equal(budget.state.held, 100);
});

test("a claim that waits too long, or finds too many waiting, throws a BusyError", async () => {
  const { budget, pass, claim } = createBudget();
  claim(100, "a");
  await pass(0);
  const waiting = Array.from({ length: 6 }, () => claim(10, "project/a"));
  await pass(50);
  assert.deepEqual(
    waiting.map(({ error }) => error instanceof BusyError),
    [false, false, false, false, true, true],
    "one project may use half of the queue",
  );
  const others = Array.from({ length: 5 }, () => claim(10, "b"));
  await pass(50);
  assert.deepEqual(
    others.map(({ error }) => error instanceof BusyError),
    [false, false, false, false, true],
  );
  await pass(1_000);
  assert.ok([...waiting, ...others].every(({ error }) => error instanceof BusyError));
  assert.equal(budget.state.waiting, 0);
  const { pass: on, claim: of } = createBudget({ maxWaitMs: 0 });
  of(100, "a");
  await on(0);
  const late = of(1, "b");
  await on(0);
  assert.ok(late.error instanceof BusyError, "with maxWaitMs 0 a claim does not wait");
});

test("the bytes of an aborted request become free", async () => {
  // The heartbeat of an aborted request stops. Here no heartbeat runs, because no real time passes.
  const { budget, pass, claim } = createBudget({ maxWaitMs: 1e9 });
  claim(100, "a");
  await pass(0);
  const b = claim(100, "b");
  await pass(15_000);
  assert.equal(b.lease, undefined);
  await pass(1);
  assert.ok(b.lease);
  assert.equal(budget.state.held, 100);
});

test("a slow request keeps its bytes while its heartbeat continues", async () => {
  const setInterval = globalThis.setInterval;
  const beats: (() => void)[] = [];
  globalThis.setInterval = ((beat: () => void) => beats.push(beat)) as unknown as typeof setInterval;
  try {
    const { budget, pass, claim } = createBudget({ maxWaitMs: 1e9 });
    claim(100, "a");
    await pass(0);
    const b = claim(100, "b");
    for (let i = 0; i < 3; i++) {
      await pass(10_000);
      for (const beat of beats) beat();
    }
    assert.deepEqual([b.lease, budget.state.held], [undefined, 100]);
  } finally {
    globalThis.setInterval = setInterval;
  }
});

test("a stalled stream throws a StalledError", async () => {
  const reader = new ReadableStream({ pull: () => new Promise(() => {}) }).getReader();
  await assert.rejects(readWithin(reader, 1), StalledError);
  const quick = new ReadableStream({ start: (controller) => controller.enqueue("x") }).getReader();
  assert.deepEqual(await readWithin(quick, 1e6), { done: false, value: "x" });
});

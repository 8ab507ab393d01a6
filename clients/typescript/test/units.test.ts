import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff, CONNECT_SHAPE, RETRY_SHAPE } from "../src/backoff.js";
import { systemRuntime } from "../src/runtime.js";
import { firstRefreshMs, nextRefreshMs } from "../src/source/schedule.js";
import { TokenSlot } from "../src/source/token-slot.js";
import { Token } from "../src/token.js";

const NOW = 1_000_000;

function token(
  generation: number,
  livesMs?: number,
  refreshesMs?: number,
): Token {
  const at = (ms: number | undefined) =>
    ms === undefined ? undefined : new Date(NOW + ms);
  return new Token({
    accessToken: `t${String(generation)}`,
    generation: BigInt(generation),
    expiresAt: at(livesMs),
    refreshesAt: at(refreshesMs),
  });
}

test("backoff: limits of the jitter", () => {
  const low = new Backoff(RETRY_SHAPE, () => 0);
  assert.deepEqual([low.next(), low.next(), low.next()], [50, 100, 200]);
  const high = new Backoff(RETRY_SHAPE, () => 0.999_999);
  assert.equal(high.next(), 149);
  for (let wait = 0; wait < 20; ++wait) assert.ok(high.next() < 7500);
  high.reset();
  assert.ok(high.next() < 150);
  const connect = new Backoff(CONNECT_SHAPE, () => 0.5);
  assert.deepEqual([connect.next(), connect.next()], [200, 320]);
});

test("slot: only newer, or as new with a later end", () => {
  const slot = new TokenSlot();
  assert.equal(slot.usable(NOW), undefined);
  assert.equal(slot.offer(token(2, 60_000)), "taken");
  assert.equal(slot.offer(token(1, 90_000)), "older");
  assert.equal(slot.offer(token(2, 60_000)), "as new");
  assert.equal(slot.offer(token(2, 50_000)), "as new");
  assert.equal(slot.offer(token(2, 70_000)), "taken");
  assert.equal(slot.offer(token(2)), "taken");
  assert.equal(slot.offer(token(2, 80_000)), "as new");
  // A newer one is taken even if it ends sooner.
  assert.equal(slot.offer(token(3, 10_000)), "taken");
  assert.equal(slot.usable(NOW + 7999)?.generation, 3n);
  assert.equal(slot.usable(NOW + 8000), undefined);
  assert.equal(slot.held?.generation, 3n);
  slot.drop();
  assert.equal(slot.held, undefined);
});

test("slot: rejected until there is a newer one", () => {
  const slot = new TokenSlot();
  slot.offer(token(2, 60_000));
  slot.reject(1n);
  assert.equal(slot.rejectedGeneration, 0n);
  slot.reject(2n);
  assert.equal(slot.usable(NOW), undefined);
  assert.equal(slot.rejectedGeneration, 2n);
  slot.offer(token(2, 90_000));
  assert.equal(slot.usable(NOW), undefined);
  slot.offer(token(3, 60_000));
  assert.equal(slot.rejectedGeneration, 0n);
  assert.equal(slot.usable(NOW)?.generation, 3n);
});

test("schedule: at the refresh time, or at 80 % of the life left", () => {
  const at = (made: Token, random = 0) =>
    firstRefreshMs(made, NOW, () => random);
  assert.equal(at(token(1, 60_000, 30_000)), 30_000);
  assert.equal(at(token(1, 60_000, 30_000), 0.5), 31_500);
  assert.equal(at(token(1, 60_000)), 48_000);
  assert.equal(at(token(1, 60_000), 0.5), 48_600);
  // Due already: soon, but not all at the same moment.
  assert.equal(at(token(1, 60_000, -5000), 0.5), 3000);
  // A refresh time after the end is the end.
  assert.equal(at(token(1, 60_000, 90_000), 0.5), 60_000);
  assert.equal(at(token(1)), undefined);
  assert.equal(at(token(1, undefined, 30_000)), undefined);
  assert.equal(at(token(1, 0)), undefined);
});

test("schedule: nothing new: a tenth of what is left, at least 1 s", () => {
  assert.equal(nextRefreshMs(token(1, 60_000), NOW), 6000);
  assert.equal(nextRefreshMs(token(1, 5000), NOW), 1000);
  assert.equal(nextRefreshMs(token(1, 0), NOW), undefined);
  assert.equal(nextRefreshMs(token(1), NOW), undefined);
});

test("clock: timers longer than setTimeout takes", (t) => {
  const set: { ms: number; ring: () => void; unref: boolean }[] = [];
  t.mock.method(globalThis, "setTimeout", (ring: () => void, ms: number) => {
    const timer = { ms, ring, unref: false };
    set.push(timer);
    return { unref: () => (timer.unref = true) };
  });
  const day = 24 * 3_600_000;
  let rung = 0;
  systemRuntime.clock.after(
    60 * day,
    () => {
      rung += 1;
    },
    true,
  );
  for (let part = 0; rung === 0; ++part) set[part]?.ring();
  assert.ok(set.length > 1);
  assert.ok(set.every(({ ms, unref }) => ms < 2 ** 31 && unref));
  assert.equal(
    set.reduce((sum, { ms }) => sum + ms, 0),
    60 * day,
  );
});

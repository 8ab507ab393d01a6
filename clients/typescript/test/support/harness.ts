import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { setImmediate } from "node:timers/promises";
import type { TestContext } from "node:test";
import { Client } from "../../src/client.js";
import type { ClientOptions } from "../../src/config.js";
import { ValetKeyError } from "../../src/errors.js";
import type { GetTokenRequest } from "../../src/gen/valetkey/v1/token_service_pb.js";
import type { Runtime } from "../../src/runtime.js";
import { FakeValetKey, type FakeOptions } from "../../src/testing/index.js";
import { FakeClock } from "./fake-clock.js";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** A fake, a client of it, and the time of both. */
export interface Stage {
  readonly clock: FakeClock;
  readonly fake: FakeValetKey;
  readonly client: Client;
  readonly runtime: Runtime;
  /** What GetToken was called with, in order. */
  readonly fetches: () => GetTokenRequest[];
}

/**
 * Jitter of the middle: waits are exactly 100, 200, 400, … ms. No pings, for
 * an hour that passes at once leaves no time for their answers.
 */
export function runtimeOf(clock: FakeClock, random = 0.5): Runtime {
  return {
    clock,
    random: () => random,
    env: {},
    keepalive: { intervalMs: Infinity, timeoutMs: Infinity },
  };
}

export async function stage(
  context: TestContext,
  options: { client?: ClientOptions; fake?: FakeOptions; random?: number } = {},
): Promise<Stage> {
  const clock = new FakeClock();
  const fake = await FakeValetKey.start({
    now: () => clock.now(),
    ...options.fake,
  });
  const runtime = runtimeOf(clock, options.random);
  const client = new Client({ ...fake.options, ...options.client }, runtime);
  context.after(async () => {
    await client.close();
    await fake.close();
  });
  const fetches = (): GetTokenRequest[] =>
    fake.requests("GetToken") as GetTokenRequest[];
  return { clock, fake, client, runtime, fetches };
}

/** Waits for what will happen by itself, without time of the clock. */
export async function until(
  condition: () => boolean,
  what = condition.toString(),
): Promise<void> {
  await untilAsync(() => Promise.resolve(condition()), what);
}

export async function untilAsync(
  condition: () => Promise<boolean>,
  what = condition.toString(),
): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `waited in vain for ${what}`);
    await setImmediate();
  }
}

/**
 * Long enough for what should not happen to have happened: what is on its way
 * over loopback arrives before a few later connections do.
 */
export async function settle(): Promise<void> {
  for (let round = 0; round < 5; ++round) {
    const server = net.createServer((socket) => socket.end("."));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const socket = net.connect(port, "127.0.0.1");
    socket.resume();
    await once(socket, "close");
    server.close();
    await once(server, "close");
    await setImmediate();
  }
}

/** The error that a call ends with. */
export async function failure(call: Promise<unknown>): Promise<ValetKeyError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ValetKeyError, `not an error: ${String(error)}`);
  return error;
}

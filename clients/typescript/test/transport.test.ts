import assert from "node:assert/strict";
import { once } from "node:events";
import * as http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { Channel } from "../src/channel.js";
import { Client } from "../src/client.js";
import type { ClientOptions } from "../src/config.js";
import { Code, NotFoundError } from "../src/errors.js";
import { type Runtime, systemRuntime } from "../src/runtime.js";
import { FakeValetKey } from "../src/testing/index.js";
import {
  type Certificates,
  certificates,
  pem,
} from "./support/certificates.js";
import { FakeClock } from "./support/fake-clock.js";
import { failure, runtimeOf, settle, until } from "./support/harness.js";

let good: Certificates;
let other: Certificates;

before(() => {
  good = certificates("DNS:localhost,DNS:valetkey.test,IP:127.0.0.1");
  other = certificates("DNS:localhost,IP:127.0.0.1");
});
after(() => {
  good.remove();
  other.remove();
});

function over(
  t: TestContext,
  fake: FakeValetKey,
  options: ClientOptions,
  env: Runtime["env"] = {},
): Client {
  fake.setToken("c-7", "one");
  const client = new Client(
    { application: "shop", ...options },
    { ...systemRuntime, env },
  );
  t.after(async () => {
    await client.close();
    await fake.close();
  });
  return client;
}

const tlsOptions = (extra: http2.SecureServerOptions = {}) => ({
  tls: { cert: pem(good.cert), key: pem(good.key), ...extra },
});

test("a Unix socket", async (t) => {
  const name = `valetkey-test-${String(process.pid)}.sock`;
  const socketPath = join(tmpdir(), name);
  const fake = await FakeValetKey.start({ socketPath });
  assert.equal(fake.address, `unix:${socketPath}`);
  const client = over(t, fake, { address: `unix://${socketPath}` });
  assert.equal((await client.getToken("c-7")).accessToken, "one");
});

test("TLS by an authority of one's own", async (t) => {
  const fake = await FakeValetKey.start(tlsOptions());
  const address = fake.address.replace("https://", "");
  const client = over(t, fake, { address, tlsCa: good.ca });
  assert.equal((await client.getToken("c-7")).accessToken, "one");
});

test("TLS by the system's authorities", async (t) => {
  const fake = await FakeValetKey.start(tlsOptions());
  const env = { SSL_CERT_FILE: good.ca };
  const client = over(t, fake, { address: fake.address }, env);
  assert.equal((await client.getToken("c-7")).accessToken, "one");
});

test("a certificate of somebody else's is refused", async (t) => {
  const fake = await FakeValetKey.start(tlsOptions());
  const client = over(t, fake, {
    address: fake.address,
    tlsCa: other.ca,
  });
  const error = await failure(client.refresh("c-7"));
  assert.equal(error.code, Code.Unavailable);
  assert.match(error.message, /certificate/);
  assert.equal(fake.calls("Refresh"), 0);
});

test("the certificate must have the server's name", async (t) => {
  const fake = await FakeValetKey.start(tlsOptions());
  for (const [serverName, works] of [
    ["valetkey.test", true],
    ["127.0.0.1", true],
    ["elsewhere.test", false],
    ["127.0.0.2", false],
  ] as const) {
    const client = over(t, fake, {
      address: fake.address,
      tlsCa: good.ca,
      serverName,
    });
    const call = client.refresh("c-7");
    if (works) await call;
    else assert.match((await failure(call)).message, /altnames/, serverName);
  }
});

test("a client certificate", async (t) => {
  const fake = await FakeValetKey.start(
    tlsOptions({ ca: pem(good.ca), requestCert: true }),
  );
  const client = over(t, fake, {
    address: fake.address,
    tlsCa: good.ca,
    tlsCert: good.cert,
    tlsKey: good.key,
  });
  await client.getToken("c-7");
  const clock = new FakeClock();
  const without = new Client(
    { address: fake.address, application: "shop", tlsCa: good.ca },
    runtimeOf(clock),
  );
  t.after(() => without.close());
  const error = await failure(without.refresh("c-7"));
  assert.equal(error.code, Code.Unavailable);
  // The connection has ended, and it is a failed attempt.
  await until(() => clock.backgroundTimers[0] === 200);
});

test("it reconnects in the background, backing off to 5 s", async (t) => {
  const clock = new FakeClock();
  const fake = await FakeValetKey.start();
  let opened = 0;
  const url = `http://${fake.address}`;
  const { port } = new URL(url);
  const open = (): net.Socket => {
    opened += 1;
    return net.connect(Number(port), "127.0.0.1");
  };
  const channel = new Channel(url, open, runtimeOf(clock));
  const get = () => channel.request("GET", "/", {}, {});
  t.after(async () => {
    await channel.close();
    await fake.close();
  });
  await fake.goAway();
  await assert.rejects(get(), { code: Code.Unavailable });
  const waits: number[] = [];
  for (let round = 1; round <= 9; ++round) {
    await until(() => (clock.backgroundTimers[0] ?? 1e6) < 10_000);
    assert.equal(opened, round);
    // Within the wait requests fail at once, and open nothing.
    await assert.rejects(get(), { code: Code.Unavailable });
    const [wait = NaN] = clock.backgroundTimers;
    waits.push(wait);
    if (round === 9) await fake.comeBack();
    clock.advance(wait);
  }
  assert.deepEqual(waits, [200, 320, 512, 819, 1310, 2097, 3355, 5000, 5000]);
  // Who comes during an attempt waits for it.
  const stream = await get();
  stream.resume();
  await until(() => clock.backgroundTimers.every((wait) => wait === Infinity));
  assert.equal(opened, 10);
  // A connection that is lost is opened again at once, and the waits are short.
  await fake.goAway();
  await settle();
  await assert.rejects(get(), { code: Code.Unavailable });
  await until(() => clock.backgroundTimers[0] === 200);
});

/** Answers the opening as HTTP/2 must, and never again. */
async function mute(t: TestContext): Promise<string> {
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).resume();
    socket.write(settings);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  return `127.0.0.1:${String(port)}`;
}

function pinging(t: TestContext, clock: FakeClock, address: string): Client {
  const { keepalive } = systemRuntime;
  const runtime = { ...runtimeOf(clock), keepalive };
  const client = new Client({ address, application: "shop" }, runtime);
  t.after(() => client.close());
  return client;
}

test("keepalive: a connection that says nothing is given up", async (t) => {
  const clock = new FakeClock();
  const client = pinging(t, clock, await mute(t));
  const watch = client.watch();
  const waiting = watch.next();
  await until(() => clock.backgroundTimers[0] === 60_000);
  await settle();
  clock.advance(60_000);
  await until(() => clock.backgroundTimers[0] === 20_000);
  clock.advance(19_999);
  await settle();
  assert.deepEqual(clock.timers, []);
  clock.advance(1);
  await until(() => clock.timers[0] === 100);
  watch.close();
  await waiting;
});

test("keepalive: one that was idle for long is tried at once", async (t) => {
  const clock = new FakeClock();
  const client = pinging(t, clock, await mute(t));
  const first = failure(client.refresh("c-7", { timeoutMs: 30_000 }));
  await until(() => clock.backgroundTimers[0] === 60_000);
  await settle();
  clock.advance(30_000);
  assert.equal((await first).code, Code.DeadlineExceeded);
  await until(() => clock.backgroundTimers.length === 0);
  clock.advance(30_000);
  // It is seen within the deadline of the call.
  const second = failure(client.refresh("c-7", { timeoutMs: 30_000 }));
  await until(() => clock.backgroundTimers[0] === 20_000);
  clock.advance(20_000);
  assert.equal((await second).code, Code.Unavailable);
});

test("keepalive: answers keep it, and no call means no ping", async (t) => {
  const clock = new FakeClock();
  const fake = await FakeValetKey.start();
  t.after(() => fake.close());
  const client = pinging(t, clock, fake.address);
  const watch = client.watch();
  await watch.next();
  await until(() => fake.watchers === 1);
  for (let ping = 0; ping < 3; ++ping) {
    await until(() => clock.backgroundTimers[0] === 60_000);
    clock.advance(60_000);
  }
  await until(() => clock.backgroundTimers[0] === 60_000);
  assert.equal(fake.watchers, 1);
  watch.close();
  await until(() => clock.backgroundTimers.length === 0);
});

test("a server that goes away well: open calls end, new ones follow", async (t) => {
  const clock = new FakeClock();
  const sessions: http2.ServerHttp2Session[] = [];
  const streams: http2.ServerHttp2Stream[] = [];
  const server = http2.createServer();
  server.on("session", (session) => sessions.push(session));
  server.on("stream", (stream) => streams.push(stream));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const url = `http://127.0.0.1:${String(port)}`;
  const open = (): net.Socket => net.connect(port, "127.0.0.1");
  const channel = new Channel(url, open, runtimeOf(clock));
  t.after(async () => {
    await channel.close();
    server.close();
  });
  const get = () => channel.request("GET", "/", {}, {});
  const first = await get();
  first.resume();
  await until(() => streams.length === 1);
  const answered = once(first, "response");
  sessions[0]?.goaway(http2.constants.NGHTTP2_NO_ERROR);
  await settle();
  const second = await get();
  second.resume();
  await until(() => streams.length === 2);
  assert.equal(sessions.length, 2);
  streams[0]?.respond({ ":status": 200 }, { endStream: true });
  await answered;
  await once(first, "close");
  await until(() => sessions[0]?.destroyed === true);
});

test("an answer that is no gRPC is an error, and is not repeated", async (t) => {
  const server = http2.createServer((_request, response) => {
    response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const client = new Client({
    address: `127.0.0.1:${String(port)}`,
    application: "shop",
  });
  t.after(async () => {
    await client.close();
    server.close();
  });
  const error = await failure(client.getToken("c-7"));
  assert.equal(error.code, Code.Unimplemented);
});

test("a connection that is cut during a call is UNAVAILABLE", async (t) => {
  const clock = new FakeClock();
  const fake = await FakeValetKey.start();
  const client = new Client(fake.options, runtimeOf(clock));
  t.after(async () => {
    await client.close();
    await fake.close();
  });
  const release = fake.stall("Refresh");
  const call = failure(client.refresh("c-7"));
  await until(() => fake.calls("Refresh") === 1);
  await fake.goAway();
  const error = await call;
  assert.equal(error.code, Code.Unavailable);
  assert.equal(error.reason, "");
  release();
  await fake.comeBack();
  assert.ok((await failure(client.getToken("c-7"))) instanceof NotFoundError);
});

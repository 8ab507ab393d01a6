import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isLoopback, parseAddress } from "../src/address.js";
import { type ClientOptions, resolveConfig } from "../src/config.js";
import { ConfigError } from "../src/errors.js";
import { applicationOf, Names } from "../src/names.js";

const tcp = (host: string, port: number, tls?: boolean) => ({
  kind: "tcp",
  host,
  port,
  tls,
});

test("address forms", () => {
  const forms = {
    "127.0.0.1:8800": tcp("127.0.0.1", 8800),
    "valetkey.internal:1": tcp("valetkey.internal", 1),
    "[::1]:8800": tcp("::1", 8800),
    "https://valetkey:443": tcp("valetkey", 443, true),
    "https://valetkey:443/": tcp("valetkey", 443, true),
    "http://localhost:80": tcp("localhost", 80, false),
    "unix:/run/valetkey.sock": { kind: "unix", path: "/run/valetkey.sock" },
    "unix:///run/valetkey.sock": { kind: "unix", path: "/run/valetkey.sock" },
  };
  for (const [text, address] of Object.entries(forms)) {
    assert.deepEqual(parseAddress(text), address, text);
  }
});

test("addresses that are refused", () => {
  for (const text of [
    "",
    "localhost",
    "localhost:0",
    "localhost:65536",
    "localhost:port",
    "local%host:1",
    ":8800",
    "::1:8800",
    "https://valetkey",
    "https://user@valetkey:443",
    "https://valetkey:443/path",
    "ftp://valetkey:21",
    "unix:",
    "unix:relative.sock",
    "unix://host/path",
  ]) {
    assert.throws(() => parseAddress(text), ConfigError, text);
  }
});

test("loopback hosts", () => {
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9"]) {
    assert.ok(isLoopback(host), host);
  }
  assert.ok(isLoopback("::1"));
  for (const host of [
    "10.0.0.1",
    "127.0.0.1.example.com",
    "localhost.example.com",
    "::2",
    "0.0.0.0",
  ]) {
    assert.ok(!isLoopback(host), host);
  }
});

test("the defaults", () => {
  const config = resolveConfig({}, {});
  assert.deepEqual(config.address, tcp("127.0.0.1", 8800));
  assert.equal(config.apiKey, undefined);
  assert.equal(config.tls, undefined);
  assert.equal(config.timeoutMs, 30_000);
  assert.throws(() => config.names.connection("c-7"), ConfigError);
});

test("the environment, and options that win over it", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "key");
  writeFileSync(file, "vk_file\n");
  const env = {
    VALETKEY_ADDRESS: "localhost:1",
    VALETKEY_API_KEY: "vk_env",
    VALETKEY_API_KEY_FILE: file,
    VALETKEY_APPLICATION: "shop",
  };
  const config = resolveConfig({}, env);
  assert.deepEqual(config.address, tcp("localhost", 1));
  assert.equal(config.apiKey, "vk_env");
  assert.equal(config.names.application(), "applications/shop");
  const empty = { ...env, VALETKEY_API_KEY: "" };
  assert.equal(resolveConfig({}, empty).apiKey, "vk_file");
  const given: ClientOptions = {
    address: "localhost:2",
    apiKey: "vk_option",
    application: "applications/other",
    timeoutMs: 5,
  };
  const mine = resolveConfig(given, env);
  assert.deepEqual(mine.address, tcp("localhost", 2));
  assert.equal(mine.apiKey, "vk_option");
  assert.equal(mine.names.application(), "applications/other");
  assert.equal(mine.timeoutMs, 5);
  assert.equal(resolveConfig({ apiKey: "" }, env).apiKey, undefined);
});

test("what cannot be used is refused without showing the key", (t) => {
  const missing = join(temporaryFolder(t), "none");
  assert.throws(() => resolveConfig({ timeoutMs: 0 }, {}), ConfigError);
  assert.throws(() => resolveConfig({ timeoutMs: NaN }, {}), ConfigError);
  assert.throws(
    () => resolveConfig({}, { VALETKEY_API_KEY_FILE: missing }),
    /VALETKEY_API_KEY_FILE/,
  );
  assert.throws(
    () => resolveConfig({ apiKey: "vk_secret\n" }, {}),
    (error: Error) => !error.message.includes("vk_secret"),
  );
  assert.throws(
    () => resolveConfig({ address: "https://a:1", tlsCa: missing }, {}),
    ConfigError,
  );
});

test("plain text to other hosts is refused, naming both ways out", () => {
  for (const address of ["valetkey:8800", "http://10.0.0.1:8800"]) {
    assert.throws(
      () => resolveConfig({ address }, {}),
      (error: Error) =>
        error instanceof ConfigError &&
        error.message.includes("TLS") &&
        error.message.includes("insecurePlaintext"),
    );
    resolveConfig({ address, insecurePlaintext: true }, {});
  }
  for (const address of ["localhost:1", "[::1]:1", "unix:/a", "127.1.2.3:1"]) {
    assert.equal(resolveConfig({ address }, {}).tls, undefined);
  }
});

test("when there is TLS", (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "some.pem");
  writeFileSync(file, "PEM");
  const withCa = { VALETKEY_TLS_CA: file };
  const secure = resolveConfig({ address: "valetkey:1" }, withCa);
  assert.deepEqual(secure.tls?.context, { ca: ["PEM"] });
  assert.equal(secure.tls.serverName, "valetkey");
  const plain = resolveConfig({ address: "http://localhost:1" }, withCa);
  assert.equal(plain.tls, undefined);
  const socket = resolveConfig({ address: "unix:/a" }, withCa);
  assert.equal(socket.tls, undefined);
  const mutual = resolveConfig(
    { address: "valetkey:1", tlsCert: file, tlsKey: file, serverName: "b" },
    { SSL_CERT_FILE: file },
  );
  assert.deepEqual(mutual.tls?.context, {
    ca: ["PEM"],
    cert: "PEM",
    key: "PEM",
  });
  assert.equal(mutual.tls.serverName, "b");
  assert.throws(
    () => resolveConfig({ address: "valetkey:1", tlsCert: file }, {}),
    /both/,
  );
  const system = resolveConfig({ address: "https://valetkey:1" }, {});
  assert.ok(String(system.tls?.context.ca).includes("BEGIN CERTIFICATE"));
});

test("names", () => {
  const names = new Names("shop");
  const full = "applications/shop/connections/c-7";
  for (const name of ["c-7", "shop/c-7", full]) {
    assert.equal(names.connection(name), full);
  }
  assert.equal(
    names.provider("pinterest"),
    "applications/shop/providers/pinterest",
  );
  assert.equal(names.key("k-1"), "applications/shop/keys/k-1");
  assert.equal(names.application(), "applications/shop");
  assert.equal(names.application("other"), "applications/other");
  // What begins so is taken as it is; the server judges it.
  assert.equal(names.connection("applications/x"), "applications/x");
  for (const name of ["", "/", "a/", "/b", "a/b/c"]) {
    assert.throws(() => names.connection(name), ConfigError, name);
  }
  const unknown = new Names(undefined);
  assert.equal(unknown.connection("shop/c-7"), full);
  assert.throws(() => unknown.connection("c-7"), ConfigError);
  assert.equal(applicationOf(full), "applications/shop");
});

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "valetkey-test-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

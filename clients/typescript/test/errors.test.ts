import assert from "node:assert/strict";
import { test } from "node:test";
import { Code as ConnectCode, ConnectError } from "@connectrpc/connect";
import {
  Code,
  ConnectionRevokedError,
  ConsentDeniedError,
  CursorExpiredError,
  errorOf,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
  ReauthorizationRequiredError,
  ScopeNotGrantedError,
  UnauthenticatedError,
  UnavailableError,
  ValetKeyError,
} from "../src/errors.js";
import { failureOf } from "../src/failure.js";
import { failure, stage } from "./support/harness.js";

const error = (code: Code, reason = "", metadata = {}): ValetKeyError =>
  errorOf({ code, reason, metadata, message: "m" });

test("each reason and code has its type", () => {
  const failed = Code.FailedPrecondition;
  for (const [made, type] of [
    [error(failed, "REAUTHORIZATION_REQUIRED"), ReauthorizationRequiredError],
    [error(failed, "CONNECTION_REVOKED"), ConnectionRevokedError],
    [error(failed, "SCOPE_NOT_GRANTED"), ScopeNotGrantedError],
    [error(failed, "CONSENT_DENIED"), ConsentDeniedError],
    [error(Code.OutOfRange, "CURSOR_EXPIRED"), CursorExpiredError],
    [error(Code.NotFound, "CONNECTION_NOT_FOUND"), NotFoundError],
    [error(Code.NotFound), NotFoundError],
    [error(Code.InvalidArgument, "CURSOR_INVALID"), InvalidArgumentError],
    [error(Code.Unauthenticated, "API_KEY_INVALID"), UnauthenticatedError],
    [error(Code.PermissionDenied, "RIGHT_MISSING"), PermissionDeniedError],
    [error(Code.Unavailable, "PROVIDER_THROTTLED"), UnavailableError],
    [error(Code.Unavailable, "A_NEW_REASON"), UnavailableError],
    [error(failed, "RESOURCE_IN_USE"), ValetKeyError],
    [error(Code.Aborted, "ETAG_MISMATCH"), ValetKeyError],
    [error(Code.Internal), ValetKeyError],
  ] as const) {
    assert.equal(made.constructor, type, made.reason);
    assert.equal(made.name, type.name);
    assert.ok(made instanceof ValetKeyError && made instanceof Error);
  }
});

test("the fields of the types", () => {
  const connection = "applications/shop/connections/c-7";
  const provider = "applications/shop/providers/pinterest";
  const metadata = { connection, provider, subject: "ann" };
  const failed = Code.FailedPrecondition;
  const reauthorize = error(failed, "REAUTHORIZATION_REQUIRED", metadata);
  assert.ok(reauthorize instanceof ReauthorizationRequiredError);
  assert.equal(reauthorize.connection, connection);
  assert.equal(reauthorize.provider, provider);
  assert.equal(reauthorize.subject, "ann");
  assert.deepEqual(reauthorize.authorizeParams, metadata);
  for (const [told, missing] of [
    [{ missing_scopes: "a b" }, ["a", "b"]],
    [{}, []],
  ]) {
    const scopes = error(failed, "SCOPE_NOT_GRANTED", told);
    assert.ok(scopes instanceof ScopeNotGrantedError);
    assert.deepEqual(scopes.missingScopes, missing);
  }
  for (const told of [{ field: "name" }, {}]) {
    const invalid = error(Code.InvalidArgument, "FIELD_INVALID", told);
    assert.ok(invalid instanceof InvalidArgumentError);
    assert.equal(invalid.field, told.field ?? "");
  }
});

test("what the server said comes through", async (t) => {
  const { client, fake } = await stage(t);
  fake.fail("Revoke", "RIGHT_MISSING", { metadata: { right: "REVOKE" } });
  const denied = await failure(client.revoke("c-7"));
  assert.ok(denied instanceof PermissionDeniedError);
  assert.equal(denied.code, Code.PermissionDenied);
  assert.equal(denied.reason, "RIGHT_MISSING");
  assert.deepEqual(denied.metadata, { right: "REVOKE" });
  assert.equal(denied.retryDelayMs, undefined);
  assert.equal(denied.message, "the fake says RIGHT_MISSING");
  fake.fail("Revoke", "A_REASON_OF_TOMORROW", { retryDelayMs: 40_000 });
  const unknown = await failure(client.revoke("c-7"));
  assert.ok(unknown instanceof UnavailableError);
  assert.equal(unknown.reason, "A_REASON_OF_TOMORROW");
  assert.equal(unknown.retryDelayMs, 40_000);
});

test("the error's own parameters authorize again", async (t) => {
  const { client, fake } = await stage(t);
  fake.setToken("c-7", "one", { expiresInMs: 0 });
  fake.requireReauthorization("c-7");
  const error = await failure(client.getToken("c-7"));
  assert.ok(error instanceof ReauthorizationRequiredError);
  const begun = await client.authorize(error.authorizeParams);
  assert.equal(begun.connection, "applications/shop/connections/c-7");
  await client.exchange({ state: begun.state, code: "any" });
  assert.equal((await client.getToken("c-7")).generation, 2n);
});

test("a connection that was cut is UNAVAILABLE, however it is noticed", () => {
  const reset = Object.assign(new Error("reset"), { code: "ECONNRESET" });
  for (const cut of [
    new ConnectError("x", Code.Aborted, undefined, undefined, reset),
    new ConnectError("http/2 stream closed", Code.Canceled),
    new ConnectError("protocol error: missing status", Code.Internal),
    new ConnectError("protocol error: incomplete", Code.InvalidArgument),
    new ConnectError("no", Code.Unavailable),
  ]) {
    const { code, reason } = failureOf(cut);
    assert.deepEqual([code, reason], [Code.Unavailable, ""], cut.message);
  }
});

test("but an answer that is no gRPC keeps its code", () => {
  const http = new ConnectError("HTTP 404", ConnectCode.Unimplemented);
  assert.equal(failureOf(http).code, Code.Unimplemented);
  assert.equal(failureOf(new TypeError("bug")).code, Code.Unknown);
});

test("an ErrorInfo of another domain is not ours", () => {
  // domain "other", reason "REASON"
  const value = Uint8Array.from([
    ...[0x0a, 6, ...Buffer.from("REASON")],
    ...[0x12, 5, ...Buffer.from("other")],
  ]);
  const thrown = new ConnectError("m", Code.NotFound, { "grpc-status": "5" });
  thrown.details.push({ type: "google.rpc.ErrorInfo", value });
  assert.equal(failureOf(thrown).reason, "");
  thrown.details.push({
    type: "google.rpc.ErrorInfo",
    value: Uint8Array.from([
      ...[0x0a, 4, ...Buffer.from("MINE")],
      ...[0x12, 8, ...Buffer.from("valetkey")],
    ]),
  });
  assert.equal(failureOf(thrown).reason, "MINE");
});

import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { makeClients, watchSession } from "../src/api/clients";
import { fieldOf, isSignedOut, problemOf } from "../src/api/errors";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb";
import { EventService } from "../src/gen/valetkey/v1/event_service_pb";
import { watchForever } from "../src/lib/watch";

function failure(code: Code, reason: string, metadata = {}): ConnectError {
  const info = { reason, domain: "valetkey", metadata };
  return new ConnectError("no", code, undefined, [
    { desc: ErrorInfoSchema, value: info },
  ]);
}

type Step = { sequence: bigint } | ConnectError;

/** Watches a server that goes through a list of steps for each stream. */
async function watch(streams: Step[][]) {
  const controller = new AbortController();
  const seen: string[] = [];
  let signedOut = 0;
  const transport = createRouterTransport(
    ({ service }) => {
      service(EventService, {
        async *watchEvents({ cursor }) {
          seen.push(`open ${cursor}`);
          await Promise.resolve();
          for (const step of streams.shift() ?? []) {
            if (step instanceof ConnectError) throw step;
            const { sequence } = step;
            yield {
              message: { case: "event", value: { sequence } },
              cursor: `after ${String(sequence)}`,
            };
          }
        },
      });
    },
    { transport: { interceptors: [watchSession(() => (signedOut += 1))] } },
  );
  const { events } = makeClients(transport);
  await watchForever({
    open: (cursor, signal) => events.watchEvents({ cursor }, { signal }),
    onEvent: ({ sequence }) => seen.push(`event ${String(sequence)}`),
    onState: (state) => {
      if (seen.at(-1) !== state) seen.push(state);
    },
    onGap: () => seen.push("gap"),
    sleep: (millis) => {
      seen.push(`sleep ${String(millis)}`);
      if (streams.length === 0) controller.abort();
      return Promise.resolve();
    },
    signal: controller.signal,
  });
  return { seen, signedOut };
}

test("a stream that ends is resumed after the last event", async () => {
  const { seen } = await watch([[{ sequence: 1n }, { sequence: 2n }], []]);
  expect(seen).toEqual([
    "connecting",
    "open ",
    "live",
    "event 1",
    "live",
    "event 2",
    "interrupted",
    "sleep 500",
    "open after 2",
    "interrupted",
    "sleep 1000",
  ]);
});

test("a cursor that was trimmed begins anew, and says so", async () => {
  const { seen } = await watch([
    [{ sequence: 1n }],
    [failure(Code.OutOfRange, "CURSOR_EXPIRED")],
    [],
  ]);
  expect(seen).toContain("gap");
  expect(seen.filter((line) => line.startsWith("open"))).toEqual([
    "open ",
    "open after 1",
    "open ",
  ]);
});

test("a refusal stops it", async () => {
  const { seen, signedOut } = await watch([
    [failure(Code.PermissionDenied, "RIGHT_MISSING")],
  ]);
  expect(seen).toEqual(["connecting", "open ", "stopped"]);
  expect(signedOut).toBe(0);
});

test("a session that ends while a stream runs is noticed", async () => {
  const { seen, signedOut } = await watch([
    [{ sequence: 1n }, failure(Code.Unauthenticated, "API_KEY_INVALID")],
  ]);
  expect(seen.at(-1)).toBe("stopped");
  expect(signedOut).toBe(1);
});

test("an error is told with what to do and its field", () => {
  const error = failure(Code.InvalidArgument, "FIELD_INVALID", {
    field: "provider.client_id",
  });
  const problem = problemOf(error);
  expect(problem.title).toBe("A value is not accepted");
  expect(fieldOf(problem)).toBe("client_id");
  expect(problemOf(failure(Code.Internal, "NEW_REASON")).reason).toBe(
    "NEW_REASON",
  );
  expect(problemOf(new TypeError("failed to fetch")).title).toBe(
    "The server does not answer",
  );
  expect(isSignedOut(failure(Code.Unauthenticated, "API_KEY_INVALID"))).toBe(
    true,
  );
  expect(isSignedOut(new Error("unauthenticated"))).toBe(false);
});

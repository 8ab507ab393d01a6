import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import {
  ConnectionSchema,
  ConnectionState,
} from "../src/gen/valetkey/v1/connection_service_pb";
import {
  EventSchema,
  EventType,
} from "../src/gen/valetkey/v1/event_service_pb";
import { filterEvents } from "../src/lib/events";
import { healthOf } from "../src/lib/health";
import { parseInline } from "../src/lib/inline";
import {
  applicationOf,
  freeId,
  idOf,
  pathOf,
  problemOfId,
  suggestId,
} from "../src/lib/names";
import { walk } from "../src/lib/pages";
import { ailingOf, failuresOf, minutesOf, readCounter } from "../src/lib/rates";
import { parseLabels, readSearch, writeSearch } from "../src/lib/search";
import { describeTime } from "../src/lib/time";

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const day = 86_400_000;

describe("names", () => {
  test("parts", () => {
    expect(idOf("applications/shop/connections/c-7")).toBe("c-7");
    expect(applicationOf("applications/shop/connections/c-7")).toBe(
      "applications/shop",
    );
  });

  test("a path holds nothing that leads elsewhere", () => {
    expect(pathOf("applications/shop", "events")).toBe(
      "/applications/shop/events",
    );
    expect(pathOf("applications/a?b#c")).toBe("/applications/a%3Fb%23c");
  });

  test("ids", () => {
    expect(suggestId("Mein Café & Shop!")).toBe("mein-cafe-shop");
    expect(suggestId("9 lives")).toBe("lives");
    expect(freeId("pinterest", [])).toBe("pinterest");
    expect(freeId("pinterest", ["pinterest", "pinterest-2"])).toBe(
      "pinterest-3",
    );
    expect(problemOfId("shop-2")).toBe("");
    for (const bad of ["", "9a", "Shop", "a b", "a".repeat(64)]) {
      expect(problemOfId(bad), bad).not.toBe("");
    }
  });
});

test("moments are told as far away as they are", () => {
  expect(describeTime(now, now)).toBe("now");
  expect(describeTime(now + 90_000, now)).toBe("in 1 minute");
  expect(describeTime(now - 2 * day, now)).toBe("2 days ago");
});

describe("inline markup", () => {
  test("the four kinds", () => {
    expect(
      parseInline("Open *My* **apps**: `id`, [here](https://a.b/c)."),
    ).toEqual([
      { kind: "text", text: "Open " },
      { kind: "emphasis", text: "My" },
      { kind: "text", text: " " },
      { kind: "strong", text: "apps" },
      { kind: "text", text: ": " },
      { kind: "code", text: "id" },
      { kind: "text", text: ", " },
      { kind: "link", text: "here", href: "https://a.b/c" },
      { kind: "text", text: "." },
    ]);
  });

  test("a script is no link, and a tag is text", () => {
    for (const text of [
      "[x](javascript:alert(1))",
      "<b>x</b>",
      "[x](//evil)",
    ]) {
      for (const part of parseInline(text)) expect(part.kind).toBe("text");
    }
  });
});

describe("health", () => {
  const active = { state: ConnectionState.ACTIVE };
  const failed = {
    ...active,
    lastFailure: { reason: "PROVIDER_UNAVAILABLE", count: 2 },
  };
  const inDays = (days: number) => timestampFromMs(now + days * day);
  test.each([
    ["Healthy", "good", active],
    ["Refresh fails", "attention", { ...failed, expireTime: inDays(1) }],
    ["No valid token", "bad", { ...failed, expireTime: inDays(-1) }],
    ["Ends soon", "attention", { ...active, refreshExpireTime: inDays(6) }],
    ["Healthy", "good", { ...active, refreshExpireTime: inDays(8) }],
    ["Scopes missing", "attention", { ...active, missingScopes: ["a"] }],
    [
      "Consent needed",
      "bad",
      { state: ConnectionState.REAUTHORIZATION_REQUIRED },
    ],
    ["Revoking", "attention", { state: ConnectionState.REVOKING }],
    ["Revoked", "ended", { state: ConnectionState.REVOKED }],
    ["Unknown state", "attention", { state: ConnectionState.UNSPECIFIED }],
  ])("%s", (title, level, fields) => {
    const connection = create(ConnectionSchema, fields);
    expect(healthOf(connection, now)).toMatchObject({ title, level });
  });

  test("the worst come first", () => {
    const of = (name: string, fields: object) =>
      create(ConnectionSchema, { name, ...fields });
    const ailing = ailingOf(
      [
        of("well", active),
        of("revoked", { state: ConnectionState.REVOKED }),
        of("missing", { ...active, missingScopes: ["a"] }),
        of("consent", { state: ConnectionState.REAUTHORIZATION_REQUIRED }),
        of("tokenless", { ...failed, expireTime: inDays(-1) }),
      ],
      now,
    );
    expect(ailing.map(({ connection }) => connection.name)).toEqual([
      "tokenless",
      "consent",
      "missing",
    ]);
  });
});

describe("events", () => {
  const at = (minutes: number, type: EventType, reason = "") =>
    create(EventSchema, {
      time: timestampFromMs(now - minutes * 60_000),
      type,
      reason,
      connection: "applications/shop/connections/c-7",
      provider: "applications/shop/providers/p",
      subject: "Ann",
    });

  test("are counted by the minute; older ones not at all", () => {
    const minutes = minutesOf(
      [
        at(0, EventType.REFRESHED),
        at(1, EventType.REFRESHED),
        at(1, EventType.REFRESH_FAILED, "PROVIDER_THROTTLED"),
        at(2, EventType.REAUTHORIZATION_REQUIRED),
        at(1, EventType.UPDATED),
        at(3, EventType.REFRESHED),
      ],
      now,
      3,
    );
    expect(minutes.map(({ succeeded }) => succeeded)).toEqual([0, 1, 1]);
    expect(failuresOf(minutes)).toEqual([
      ["REAUTHORIZATION_REQUIRED", 1],
      ["PROVIDER_THROTTLED", 1],
    ]);
  });

  test("are found by type, provider and text", () => {
    const events = [
      at(0, EventType.REFRESHED),
      at(0, EventType.UPDATED, "X_Y"),
    ];
    const all = { type: "", provider: "", text: "" };
    expect(filterEvents(events, all)).toHaveLength(2);
    expect(filterEvents(events, { ...all, text: "ann" })).toHaveLength(2);
    expect(filterEvents(events, { ...all, text: "x_y" })).toHaveLength(1);
    expect(filterEvents(events, { ...all, type: "3" })).toHaveLength(1);
    expect(filterEvents(events, { ...all, provider: "other" })).toEqual([]);
  });
});

test("a counter is summed over the other labels, and is none if absent", () => {
  const text = [
    "# TYPE calls counter",
    'calls{code="OK",method="GetToken",via="grpc"} 2',
    'calls{code="OK",method="GetToken",via="http"} 3',
    'calls{code="OK",method="Refresh"} 7',
    'calls_more{code="OK",method="GetToken"} 100',
  ].join("\n");
  expect(readCounter(text, "calls", { method: "GetToken", code: "OK" })).toBe(
    5,
  );
  expect(readCounter(text, "calls", { method: "Revoke" })).toBeUndefined();
});

test("a search survives the address", () => {
  const search = {
    text: "a&b=c",
    provider: "p",
    state: "2",
    labels: "team=red, x=",
    page: "token==",
  };
  const address = writeSearch(search).toString();
  expect(readSearch(new URLSearchParams(address))).toEqual(search);
  expect(writeSearch(readSearch(new URLSearchParams())).size).toBe(0);
});

test("labels", () => {
  expect(parseLabels("team=red, url=a=b,")).toEqual({
    team: "red",
    url: "a=b",
  });
  expect(parseLabels("")).toEqual({});
  expect(parseLabels("team")).toBeNull();
  expect(parseLabels("=red")).toBeNull();
});

test("a walk ends with the list, or says that there is more", async () => {
  const fetchPage = (token: string) =>
    Promise.resolve({
      items: [token],
      nextPageToken: token.length < 3 ? `${token}x` : "",
    });
  expect(await walk(fetchPage)).toEqual({
    items: ["", "x", "xx", "xxx"],
    complete: true,
  });
  expect(await walk(fetchPage, 2)).toEqual({
    items: ["", "x"],
    complete: false,
  });
});

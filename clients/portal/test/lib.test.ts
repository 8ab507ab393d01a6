import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import {
  ConnectionCountSchema,
  ConnectionSchema,
  ConnectionState,
} from "../src/gen/valetkey/v1/connection_service_pb";
import {
  EventSchema,
  EventType,
} from "../src/gen/valetkey/v1/event_service_pb";
import { ailingOf, countOf } from "../src/lib/attention";
import { EventLog, keptEvents } from "../src/lib/event-log";
import {
  filterEvents,
  joinEvents,
  readEventFilter,
  writeEventFilter,
} from "../src/lib/events";
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
import { failuresOf, minutesSince, readCounter, Tally } from "../src/lib/rates";
import {
  parseLabels,
  problemOfQuery,
  readSearch,
  writeSearch,
} from "../src/lib/search";
import { describeTime, formatSince } from "../src/lib/time";

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
    ["Scopes missing", "note", { ...active, missingScopes: ["a"] }],
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

  test("the most urgent come first, and none is called healthy", () => {
    const of = (name: string, fields: object) =>
      create(ConnectionSchema, { name, ...fields });
    const ailing = ailingOf(
      [
        of("unnamed", active),
        of("revoking", { state: ConnectionState.REVOKING }),
        of("failing", { ...failed, expireTime: inDays(1) }),
        of("ends later", { ...active, refreshExpireTime: inDays(3) }),
        of("ends", { ...active, refreshExpireTime: inDays(2) }),
        of("consent", { state: ConnectionState.REAUTHORIZATION_REQUIRED }),
        of("tokenless", { ...failed, expireTime: inDays(-1) }),
      ],
      now,
    );
    expect(ailing.map(({ connection }) => connection.name)).toEqual([
      "tokenless",
      "consent",
      "ends",
      "ends later",
      "unnamed",
      "failing",
      "revoking",
    ]);
    expect(ailing[4]?.health).toMatchObject({ title: "Needs care" });
  });

  test("counts are summed over what a filter leaves", () => {
    const group = (
      provider: string,
      state: ConnectionState,
      needsAttention: boolean,
      count: bigint,
    ) =>
      create(ConnectionCountSchema, { provider, state, needsAttention, count });
    const counts = [
      group("p", ConnectionState.ACTIVE, false, 99_000n),
      group("p", ConnectionState.ACTIVE, true, 30n),
      group("q", ConnectionState.ACTIVE, false, 900n),
      group("q", ConnectionState.REAUTHORIZATION_REQUIRED, true, 70n),
    ];
    expect(countOf(counts)).toBe(100_000);
    expect(countOf(counts, { state: ConnectionState.ACTIVE })).toBe(99_930);
    expect(countOf(counts, { needsAttention: true })).toBe(100);
    expect(countOf(counts, { provider: "q", needsAttention: true })).toBe(70);
    expect(countOf([])).toBe(0);
  });
});

describe("events", () => {
  let sequence = 0n;
  const at = (minutes: number, type: EventType, reason = "") =>
    create(EventSchema, {
      sequence: (sequence += 1n),
      time: timestampFromMs(now - minutes * 60_000),
      type,
      reason,
      connection: "applications/shop/connections/c-7",
      provider: "applications/shop/providers/p",
      subject: "Ann",
    });

  test("are counted by the minute; older ones not at all", () => {
    const tally = new Tally();
    tally.add([
      at(0, EventType.REFRESHED),
      at(1, EventType.REFRESHED),
      at(1, EventType.REFRESH_FAILED, "PROVIDER_THROTTLED"),
      at(2, EventType.REAUTHORIZATION_REQUIRED),
      at(1, EventType.UPDATED),
      at(3, EventType.REFRESHED),
    ]);
    const minutes = tally.minutes(now, 3);
    expect(minutes.map(({ succeeded }) => succeeded)).toEqual([0, 1, 1]);
    expect(failuresOf(minutes)).toEqual([
      ["REAUTHORIZATION_REQUIRED", 1],
      ["PROVIDER_THROTTLED", 1],
    ]);
  });

  test("told twice are counted once", () => {
    const tally = new Tally();
    const event = at(0, EventType.REFRESHED);
    const failure = at(0, EventType.REFRESH_FAILED, "X");
    tally.add([event, failure]);
    tally.add([failure, event]);
    const [minute] = tally.minutes(now, 1);
    expect(minute?.succeeded).toBe(1);
    expect(minute?.failed.get("X")).toBe(1);
  });

  test("of a server whose clock is ahead are shown", () => {
    const tally = new Tally();
    tally.add([at(-5, EventType.REFRESHED)]);
    expect(tally.minutes(now, 3).at(-1)?.succeeded).toBe(1);
  });

  test("of long ago are forgotten", () => {
    const tally = new Tally(10);
    tally.add([at(30, EventType.REFRESHED), at(0, EventType.REFRESHED)]);
    const sum = tally
      .minutes(now, 60)
      .reduce((total, { succeeded }) => total + succeeded, 0);
    expect(sum).toBe(1);
  });

  test("whole minutes only are shown of what is known in part", () => {
    const minute = 60_000;
    const start = Math.floor(now / minute) * minute;
    expect(minutesSince(start - 3 * minute, now, 30)).toBe(4);
    expect(minutesSince(start - 3 * minute + 1, now, 30)).toBe(3);
    expect(minutesSince(start + 1, now, 30)).toBe(1);
    expect(minutesSince(0, now, 30)).toBe(30);
  });

  test("are kept, the newest first, and no more than can be read", () => {
    const log = new EventLog(now);
    let told = 0;
    const stop = log.subscribe(() => (told += 1));
    const first = at(1, EventType.REFRESHED);
    const second = at(0, EventType.REFRESHED);
    log.add([first, second]);
    expect(log.snapshot().events).toEqual([second, first]);
    log.add(Array.from({ length: keptEvents }, () => at(0, EventType.UPDATED)));
    expect(log.snapshot().events).toHaveLength(keptEvents);
    expect(log.snapshot().events).not.toContain(second);
    expect(log.snapshot().seen).toBe(keptEvents + 2);
    // The tally has what the list has lost.
    expect(log.tally.minutes(now, 2).map((m) => m.succeeded)).toEqual([1, 1]);
    stop();
    log.missed();
    expect(told).toBe(2);
    expect(log.snapshot().gaps).toBe(1);
  });

  test("live and listed ones are joined without doubles", () => {
    const [a, b, c, d] = [1, 2, 3, 4].map(() => at(0, EventType.REFRESHED));
    if (!a || !b || !c || !d) throw new Error("there are four");
    expect(joinEvents([d, c], [c, b, a])).toEqual([d, c, b, a]);
    // What was committed late comes late, and stands where it belongs.
    expect(joinEvents([b, d], [c, a])).toEqual([d, c, b, a]);
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
    expect(filterEvents(events, { ...all, provider: "p" })).toHaveLength(2);
    expect(filterEvents(events, { ...all, provider: "other" })).toEqual([]);
  });

  test("a filter survives the address; an unknown type is none", () => {
    const filter = { type: "4", provider: "p", text: "a b" };
    const address = writeEventFilter(filter).toString();
    expect(readEventFilter(new URLSearchParams(address))).toEqual(filter);
    expect(readEventFilter(new URLSearchParams("type=99")).type).toBe("");
  });
});

test("a date is told where it is not today's", () => {
  expect(formatSince(now - 1000, now)).not.toContain("2026");
  expect(formatSince(now - 2 * day, now)).toContain("31 Dec 2025");
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
    attention: true,
    page: "token==",
  };
  const address = writeSearch(search).toString();
  expect(readSearch(new URLSearchParams(address))).toEqual(search);
  expect(writeSearch(readSearch(new URLSearchParams())).size).toBe(0);
});

test("words to search for are at most as long as the contract allows", () => {
  expect(problemOfQuery("a".repeat(128))).toBe("");
  expect(problemOfQuery("ä".repeat(65))).toContain("130");
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

// The event stream of an application, resumed by itself.
import { Code, ConnectError } from "@connectrpc/connect";
import { problemOf, retryDelayOf } from "../api/errors";
import type { Event } from "../gen/valetkey/v1/event_service_pb";
import type { WatchEventsResponse } from "../gen/valetkey/v1/event_service_pb";

export type WatchState = "connecting" | "live" | "interrupted" | "stopped";

export interface WatchOptions {
  /** Opens the stream after a cursor; "" is from now on. */
  readonly open: (
    cursor: string,
    signal: AbortSignal,
  ) => AsyncIterable<WatchEventsResponse>;
  readonly onEvent: (event: Event) => void;
  readonly onState: (state: WatchState, error?: unknown) => void;
  /** The server keeps the events after our cursor no more: some are missed. */
  readonly onGap: () => void;
  readonly sleep: (millis: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

const firstPause = 500;
const longestPause = 15_000;

/**
 * Watches until the signal is aborted, or until a refusal that would only
 * repeat itself: then the state is "stopped". Does not throw.
 */
export async function watchForever(options: WatchOptions): Promise<void> {
  const { onEvent, onGap, onState, open, signal, sleep } = options;
  let cursor = "";
  let pause = firstPause;
  onState("connecting");
  while (!signal.aborted) {
    let failure: unknown;
    try {
      for await (const { message, cursor: next } of open(cursor, signal)) {
        if (next !== "") cursor = next;
        pause = firstPause;
        onState("live");
        if (message.case === "event") onEvent(message.value);
      }
    } catch (error) {
      failure = error;
    }
    if (isAborted(signal)) return;
    const { reason } = problemOf(failure);
    if (reason === "CURSOR_EXPIRED" || reason === "CURSOR_INVALID") {
      cursor = "";
      onGap();
    } else if (isFinal(failure)) {
      onState("stopped", failure);
      return;
    }
    onState("interrupted", failure);
    const asked = failure === undefined ? undefined : retryDelayOf(failure);
    await sleep(Math.max(asked ?? 0, pause), signal);
    pause = Math.min(pause * 2, longestPause);
  }
}

/** Of its own, for a check narrows the property for good. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function isFinal(error: unknown): boolean {
  if (error === undefined) return false;
  const { code } = ConnectError.from(error);
  return (
    code === Code.NotFound ||
    code === Code.PermissionDenied ||
    code === Code.Unauthenticated ||
    code === Code.InvalidArgument ||
    code === Code.Unimplemented
  );
}

/** Resolves after a time, or at once when the signal is aborted. */
export function sleepFor(millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

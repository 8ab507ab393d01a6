import { useSyncExternalStore } from "react";

// One timer for all moments of a page.
const listeners = new Set<() => void>();
let current = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    current = Date.now();
    for (const tell of listeners) tell();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Milliseconds since 1970, a second or so old. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => {
    // While nobody listens the timer stands still.
    if (timer === undefined) current = Date.now();
    return current;
  });
}

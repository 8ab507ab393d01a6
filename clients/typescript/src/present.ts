type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without what is undefined, as protobuf-es wants it. */
export function present<T extends object>(value: T): Partial<Present<T>> {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined),
  ) as Partial<Present<T>>;
}

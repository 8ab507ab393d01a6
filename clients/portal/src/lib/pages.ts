/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** A walk's result. */
export interface Walked<T> {
  readonly items: readonly T[];
  /** Whether the list had ended; otherwise there is more. */
  readonly complete: boolean;
}

/** Fetches page after page, at most so many. */
export async function walk<T>(
  fetchPage: (pageToken: string) => Promise<Page<T>>,
  mostPages = 10,
): Promise<Walked<T>> {
  const items: T[] = [];
  let token = "";
  for (let page = 0; page < mostPages; page += 1) {
    const { items: more, nextPageToken } = await fetchPage(token);
    items.push(...more);
    token = nextPageToken;
    if (token === "") return { items, complete: true };
  }
  return { items, complete: false };
}

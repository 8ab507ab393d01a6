// What a person looks for among connections, as the page's address has it.

export interface ConnectionSearch {
  /** Words in a connection's id, user, labels or account. */
  readonly text: string;
  /** A provider's id. */
  readonly provider: string;
  /** The number of a state; "" for all. */
  readonly state: string;
  /** `key=value`, several separated by commas. */
  readonly labels: string;
  /** Only those that need care. */
  readonly attention: boolean;
  readonly page: string;
}

export function readSearch(parameters: URLSearchParams): ConnectionSearch {
  const read = (name: string) => parameters.get(name) ?? "";
  return {
    text: read("q"),
    provider: read("provider"),
    state: read("state"),
    labels: read("labels"),
    attention: read("attention") !== "",
    page: read("page"),
  };
}

/** The address's query; what is empty is left out. */
export function writeSearch(search: ConnectionSearch): URLSearchParams {
  const parameters = new URLSearchParams();
  const write = (name: string, value: string) => {
    if (value !== "") parameters.set(name, value);
  };
  write("q", search.text);
  write("provider", search.provider);
  write("state", search.state);
  write("labels", search.labels);
  write("attention", search.attention ? "1" : "");
  write("page", search.page);
  return parameters;
}

/** The labels of `key=value, …`; null if that cannot be read. */
export function parseLabels(text: string): Record<string, string> | null {
  const labels: Record<string, string> = {};
  for (const part of text.split(",")) {
    if (part.trim() === "") continue;
    const at = part.indexOf("=");
    const key = part.slice(0, at).trim();
    if (at < 0 || key === "") return null;
    labels[key] = part.slice(at + 1).trim();
  }
  return labels;
}

export const noSearch: ConnectionSearch = readSearch(new URLSearchParams());

/** The contract's limit. */
const longestQuery = 128;

/** What is wrong with the words to search for; "" if nothing is. */
export function problemOfQuery(text: string): string {
  const { length } = new TextEncoder().encode(text);
  return length <= longestQuery
    ? ""
    : `Search for at most ${String(longestQuery)} bytes; these are ${String(length)}.`;
}

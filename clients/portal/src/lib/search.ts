// What a person looks for among connections, as the page's address has it.

export interface ConnectionSearch {
  /** A connection's id, or the application's own id of a user; exactly. */
  readonly text: string;
  /** A provider's id. */
  readonly provider: string;
  /** The number of a state; "" for all. */
  readonly state: string;
  /** `key=value`, several separated by commas. */
  readonly labels: string;
  readonly page: string;
}

export function readSearch(parameters: URLSearchParams): ConnectionSearch {
  const read = (name: string) => parameters.get(name) ?? "";
  return {
    text: read("q"),
    provider: read("provider"),
    state: read("state"),
    labels: read("labels"),
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

import type { Token } from "../token.js";
import { replacementFor, type TokenReader } from "./token-reader.js";

/** How the requests are sent. */
export interface FetchOptions {
  /** Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/**
 * A `fetch` that sends the source's token with each request. On a 401 it
 * invalidates the token and repeats the request once with a new one, if the
 * body can be sent again: a stream, or a `Request` that has a body, cannot. If
 * there is no new token, the 401 is returned.
 *
 * Along a redirect to another origin no token is sent; Node's `fetch` sees to
 * that, and so must one that is given here.
 *
 * @throws ValetKeyError if there is no token to begin with; otherwise as
 *   `fetch` does.
 */
export function authorizedFetch(
  source: TokenReader,
  options: FetchOptions = {},
): typeof fetch {
  return async (input, init) => {
    const send = options.fetch ?? fetch;
    const request = input instanceof Request ? input : undefined;
    const signal = init?.signal ?? request?.signal;
    const attempt = (token: Token): Promise<Response> => {
      const headers = new Headers(init?.headers ?? request?.headers);
      headers.set("authorization", token.authorization);
      return send(input, { ...init, headers });
    };

    signal?.throwIfAborted();
    const token = await source.token({ signal });
    const response = await attempt(token);
    if (response.status !== 401 || isElsewhere(response, input)) {
      return response;
    }
    const body = init?.body ?? request?.body;
    if (!isRepeatable(body)) {
      source.invalidate(token.generation);
      return response;
    }
    const fresh = await replacementFor(source, token, signal);
    if (fresh === undefined) return response;
    await response.body?.cancel();
    return attempt(fresh);
  };
}

// A host that was not sent the token has not refused it.
function isElsewhere(
  response: Response,
  input: string | URL | Request,
): boolean {
  if (response.url === "") return false;
  const asked = input instanceof Request ? input.url : input;
  return new URL(response.url).origin !== new URL(asked).origin;
}

function isRepeatable(body: unknown): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof URLSearchParams ||
    body instanceof Blob ||
    body instanceof FormData
  );
}

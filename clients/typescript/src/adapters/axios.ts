import {
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
  isAxiosError,
} from "axios";
import type { Token } from "../token.js";
import { replacementFor, type TokenReader } from "./token-reader.js";

/** Axios hands on what it does not know. */
interface Config extends InternalAxiosRequestConfig {
  /** The token of a repetition. */
  valetkeyToken?: Token;
}

/** What was sent with a request. */
interface Sent {
  readonly token: Token;
  readonly origin: string;
  /** Before axios made bytes of it. */
  readonly data: unknown;
}

/**
 * Makes an axios instance send the source's token with each request. On a 401
 * it invalidates the token and repeats the request once with a new one, if the
 * body can be sent again, which a stream cannot. If there is no new token, the
 * 401 stands. Along a redirect to another origin no token is sent.
 *
 * Axios keeps the headers in its errors' `config`: log their message only.
 *
 * @returns undoes it.
 */
export function authorizeAxios(
  instance: AxiosInstance,
  source: TokenReader,
): () => void {
  const sent = new WeakMap<object, Sent>();

  const send = async (config: Config): Promise<Config> => {
    const token =
      config.valetkeyToken ??
      (await source.token({ signal: signalOf(config) }));
    const { origin } = new URL(instance.getUri(config));
    config.headers.set("Authorization", token.authorization);
    keepFromOthers(config, origin);
    sent.set(config, { token, origin, data: config.data });
    return config;
  };

  const repeat = async (
    response: AxiosResponse,
  ): Promise<AxiosResponse | undefined> => {
    const config: Config = response.config;
    const first = sent.get(config);
    if (response.status !== 401 || first === undefined) return undefined;
    // A host that was not sent the token has not refused it.
    if (originOf(response, first.origin) !== first.origin) return undefined;
    if (config.valetkeyToken !== undefined) return undefined;
    if (isStream(first.data)) {
      source.invalidate(first.token.generation);
      return undefined;
    }
    const signal = signalOf(config);
    const fresh = await replacementFor(source, first.token, signal);
    if (fresh === undefined) return undefined;
    const again: Config = {
      ...config,
      headers: new AxiosHeaders(config.headers),
      data: first.data,
      valetkeyToken: fresh,
    };
    return instance.request(again);
  };

  const request = instance.interceptors.request.use(send);
  const response = instance.interceptors.response.use(
    async (answer) => (await repeat(answer)) ?? answer,
    async (error: unknown) => {
      const answer = isAxiosError(error) ? error.response : undefined;
      const second = answer && (await repeat(answer));
      if (second !== undefined) return second;
      throw error;
    },
  );
  return () => {
    instance.interceptors.request.eject(request);
    instance.interceptors.response.eject(response);
  };
}

function signalOf(config: Config): AbortSignal | undefined {
  return config.signal instanceof AbortSignal ? config.signal : undefined;
}

// What follows the redirects for axios may take a subdomain for the same host.
function keepFromOthers(config: Config, origin: string): void {
  const before = config.beforeRedirect;
  config.beforeRedirect = (options, ...details) => {
    const { href, headers } = options as {
      href?: string;
      headers?: Record<string, unknown>;
    };
    if (headers && (!href || new URL(href).origin !== origin)) {
      for (const name of Object.keys(headers)) {
        if (name.toLowerCase() === "authorization") {
          Reflect.deleteProperty(headers, name);
        }
      }
    }
    before?.(options, ...details);
  };
}

// Where the answer came from: its place depends on axios's adapter.
function originOf(response: AxiosResponse, fallback: string): string {
  const request = response.request as
    | { res?: { responseUrl?: string }; responseURL?: string; url?: string }
    | undefined;
  const url = request?.res?.responseUrl ?? request?.responseURL ?? request?.url;
  return url !== undefined && URL.canParse(url)
    ? new URL(url).origin
    : fallback;
}

function isStream(data: unknown): boolean {
  return (
    data instanceof ReadableStream ||
    (typeof data === "object" && data !== null && "pipe" in data)
  );
}

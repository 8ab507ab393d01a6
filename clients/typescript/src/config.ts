import type { SecureContextOptions } from "node:tls";
import { type Address, isLoopback, parseAddress } from "./address.js";
import { authorities, readOption } from "./authorities.js";
import { ConfigError } from "./errors.js";
import { Names } from "./names.js";

/** How a client is made; all may be left out. */
export interface ClientOptions {
  /**
   * `host:port`, `https://host:port`, `http://host:port`, `unix:/path` or
   * `unix:///path`. Default: VALETKEY_ADDRESS, or 127.0.0.1:8800.
   */
  address?: string | undefined;
  /**
   * Default: VALETKEY_API_KEY, or the content of the file that
   * VALETKEY_API_KEY_FILE names, or none, as behind a sidecar's socket.
   */
  apiKey?: string | undefined;
  /** `shop` or `applications/shop`. Default: VALETKEY_APPLICATION. */
  application?: string | undefined;
  /**
   * The authorities that sign the server's certificate: a PEM file, or
   * "system". Default: VALETKEY_TLS_CA.
   */
  tlsCa?: string | undefined;
  /** The client's certificate, a PEM file. Default: VALETKEY_TLS_CERT. */
  tlsCert?: string | undefined;
  /** Its key, a PEM file. Default: VALETKEY_TLS_KEY. */
  tlsKey?: string | undefined;
  /** The name in the server's certificate. Default: the address's host. */
  serverName?: string | undefined;
  /** Allows plain text, and the API key in it, to other hosts. */
  insecurePlaintext?: boolean | undefined;
  /** For a call with its retries, in milliseconds. Default: 30 000. */
  timeoutMs?: number | undefined;
}

/** What a client is made of. Holds the API key: not to be printed. */
export interface Config {
  readonly address: Address;
  readonly apiKey: string | undefined;
  readonly names: Names;
  /** Absent for plain text. */
  readonly tls: TlsConfig | undefined;
  readonly timeoutMs: number;
}

export interface TlsConfig {
  readonly context: Pick<SecureContextOptions, "ca" | "cert" | "key">;
  readonly serverName: string;
}

type Env = Readonly<Record<string, string | undefined>>;

const DEFAULT_ADDRESS = "127.0.0.1:8800";
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * The options, completed from the environment and the defaults.
 *
 * @throws ConfigError for what cannot be used.
 */
export function resolveConfig(options: ClientOptions, env: Env): Config {
  const address = parseAddress(
    options.address ?? variable(env, "VALETKEY_ADDRESS") ?? DEFAULT_ADDRESS,
  );
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  if (!(timeoutMs > 0)) throw new ConfigError("timeoutMs must be above 0");
  return {
    address,
    apiKey: apiKey(options, env),
    names: new Names(
      options.application || variable(env, "VALETKEY_APPLICATION"),
    ),
    tls: tlsConfig(options, env, address),
    timeoutMs,
  };
}

// A variable that is set to nothing is not set.
function variable(env: Env, name: string): string | undefined {
  return env[name] || undefined;
}

function apiKey(options: ClientOptions, env: Env): string | undefined {
  const given = options.apiKey ?? variable(env, "VALETKEY_API_KEY");
  const file = variable(env, "VALETKEY_API_KEY_FILE");
  const key =
    given === undefined && file !== undefined
      ? readOption(file, "VALETKEY_API_KEY_FILE").trim()
      : given;
  if (!key) return undefined;
  // The error of a header that cannot be sent would show the key.
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new ConfigError("the API key has characters that no key has");
  }
  return key;
}

function tlsConfig(
  options: ClientOptions,
  env: Env,
  address: Address,
): TlsConfig | undefined {
  if (address.kind === "unix") return undefined;
  const ca = options.tlsCa ?? variable(env, "VALETKEY_TLS_CA");
  const cert = options.tlsCert ?? variable(env, "VALETKEY_TLS_CERT");
  const key = options.tlsKey ?? variable(env, "VALETKEY_TLS_KEY");
  if (!(address.tls ?? (ca !== undefined || cert !== undefined))) {
    allowPlaintext(address.host, options.insecurePlaintext ?? false);
    return undefined;
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigError(
      "a client certificate needs both tlsCert and tlsKey (VALETKEY_TLS_CERT, VALETKEY_TLS_KEY)",
    );
  }
  return {
    context: {
      ca: authorities(ca ?? "system", env),
      ...(cert !== undefined && {
        cert: readOption(cert, "the client certificate"),
      }),
      ...(key !== undefined && {
        key: readOption(key, "the client certificate's key"),
      }),
    },
    serverName: options.serverName || address.host,
  };
}

function allowPlaintext(host: string, insecure: boolean): void {
  if (insecure || isLoopback(host)) return;
  throw new ConfigError(
    `${host} is another host, and plain text would show the API key and tokens to the network: ` +
      "use TLS (https://, or tlsCa / VALETKEY_TLS_CA), or set insecurePlaintext",
  );
}

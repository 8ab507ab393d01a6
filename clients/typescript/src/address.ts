import { isIPv4 } from "node:net";
import { ConfigError } from "./errors.js";

/** Where ValetKey is. */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      /** Without the brackets of an IPv6 address. */
      readonly host: string;
      readonly port: number;
      /** As the scheme says; undefined if there is none. */
      readonly tls: boolean | undefined;
    };

const FORMS =
  "host:port, https://host:port, http://host:port, unix:/path or unix:///path";

/**
 * Reads an address of one of the forms above.
 *
 * @throws ConfigError for any other.
 */
export function parseAddress(text: string): Address {
  if (text.startsWith("unix:")) return unixAddress(text);
  const scheme = /^([a-z]+):\/\//.exec(text)?.[1];
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    throw malformed(text);
  }
  const rest = scheme === undefined ? text : text.slice(scheme.length + 3);
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/?#@[\]]+):(\d{1,5})\/?$/.exec(rest);
  const host = match?.[1]?.replace(/^\[|\]$/g, "");
  const port = Number(match?.[2]);
  if (host === undefined || port < 1 || !URL.canParse(`http://${rest}`)) {
    throw malformed(text);
  }
  return {
    kind: "tcp",
    host,
    port,
    tls: scheme === undefined ? undefined : scheme === "https",
  };
}

function unixAddress(text: string): Address {
  const path = text.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (!path.startsWith("/") || path.startsWith("//")) throw malformed(text);
  return { kind: "unix", path };
}

function malformed(text: string): ConfigError {
  return new ConfigError(`the address "${text}" is not one of: ${FORMS}`);
}

/** Whether what is sent there stays on this machine, by the host's name. */
export function isLoopback(host: string): boolean {
  return (
    host.toLowerCase() === "localhost" ||
    host === "::1" ||
    (isIPv4(host) && host.startsWith("127."))
  );
}

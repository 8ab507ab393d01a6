import { readFileSync } from "node:fs";
import tls from "node:tls";
import { ConfigError } from "./errors.js";

// Where distributions keep the system's authorities in one file.
const BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** @throws ConfigError if the file cannot be read. */
export function readOption(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`cannot read ${what}`, { cause });
  }
}

/**
 * The certificates of a PEM file, or, for "system", those that the operating
 * system trusts: SSL_CERT_FILE, then what Node or the distribution has; Node's
 * own list only if there is nothing else.
 *
 * @throws ConfigError if the file cannot be read.
 */
export function authorities(
  source: string,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  if (source !== "system") return [readOption(source, "the authorities")];
  const named = env["SSL_CERT_FILE"];
  if (named) return [readOption(named, "SSL_CERT_FILE")];
  const newer = tls as { getCACertificates?: (type: string) => string[] };
  if (newer.getCACertificates !== undefined) {
    return newer.getCACertificates("system");
  }
  for (const path of BUNDLES) {
    try {
      return [readFileSync(path, "utf8")];
    } catch {
      // Not this distribution.
    }
  }
  return [...tls.rootCertificates];
}

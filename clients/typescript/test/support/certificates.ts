import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files of PEM for a test. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  remove(): void;
}

/** An authority, and a certificate of its for some names. */
export function certificates(names: string): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "valetkey-test-"));
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { stdio: "pipe" });
  };
  const ecKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  openssl(
    ...["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test-ca"],
    ...[...ecKey, "-keyout", file("ca.key"), "-out", file("ca.pem")],
  );
  openssl(
    ...["req", "-nodes", "-subj", "/CN=test", ...ecKey],
    ...["-addext", `subjectAltName=${names}`],
    ...["-keyout", file("key.pem"), "-out", file("request.pem")],
  );
  openssl(
    ...["x509", "-req", "-in", file("request.pem"), "-days", "2"],
    ...["-CA", file("ca.pem"), "-CAkey", file("ca.key")],
    ...["-copy_extensions", "copy", "-out", file("cert.pem")],
  );
  return {
    ca: file("ca.pem"),
    cert: file("cert.pem"),
    key: file("key.pem"),
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

export function pem(path: string): string {
  return readFileSync(path, "utf8");
}

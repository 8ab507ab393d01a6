// The servers of a test: the Pinterest emulator and valetkeyd over an empty
// data folder, on free ports of the loopback.
import type { ChildProcess } from "node:child_process";
import { execFile, spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const build = process.env.VALETKEY_BUILD_DIR ?? join(root, "build/release");
const server = join(build, "service/cmd/valetkeyd/valetkeyd");
const commandLine = join(build, "service/cmd/valetkey/valetkey");

/** The app at Pinterest. */
export const clientId = "1457312";
export const clientSecret = "canary-client-secret";

interface Origins {
  readonly www: string;
  readonly api: string;
  readonly sandbox: string;
  readonly control: string;
}

export class Stack {
  private readonly processes: ChildProcess[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), "valetkey-portal-"));
  private grpc = "";
  /** The portal's origin. */
  http = "";
  emulator: Origins = { www: "", api: "", sandbox: "", control: "" };

  /** `ttl` is the life of an access token in seconds. */
  static async start(ttl: number): Promise<Stack> {
    const stack = new Stack();
    try {
      await stack.startAll(ttl);
    } catch (error) {
      await stack.stop();
      throw error;
    }
    return stack;
  }

  private async startAll(ttl: number): Promise<void> {
    // The redirect URI is registered before the server starts.
    this.http = `http://127.0.0.1:${await freePort()}`;
    const emulator = await this.launch("emulator", "python3", (ready) => [
      join(root, "tests/pinterest_emulator"),
      `--ready-file=${ready}`,
      `--access-ttl=${ttl}`,
      `--client=${clientId}:${clientSecret}:${this.http}/oauth/callback`,
    ]);
    this.emulator = emulator as unknown as Origins;
    const overrides = [
      `https://www.pinterest.com=${this.emulator.www}`,
      `https://api.pinterest.com=${this.emulator.api}`,
      `https://api-sandbox.pinterest.com=${this.emulator.sandbox}`,
    ];
    const { grpc = "" } = await this.launch("valetkeyd", server, (ready) => [
      `--data_dir=${join(this.folder, "data")}`,
      "--listen=127.0.0.1:0",
      `--http_listen=${new URL(this.http).host}`,
      `--public_url=${this.http}`,
      `--origin_override=${overrides.join(",")}`,
      `--ready_file=${ready}`,
    ]);
    this.grpc = grpc;
  }

  /** Starts a server; what its ready file says. */
  private async launch(
    name: string,
    command: string,
    argumentsFor: (ready: string) => string[],
  ): Promise<Record<string, string>> {
    const ready = join(this.folder, `${name}.json`);
    const log = openSync(join(this.folder, `${name}.log`), "a");
    const child = spawn(command, argumentsFor(ready), {
      stdio: ["ignore", log, log],
    });
    this.processes.push(child);
    for (let tries = 0; tries < 600; tries += 1) {
      if (child.exitCode !== null) break;
      if (existsSync(ready)) {
        const text = readFileSync(ready, "utf8");
        if (text !== "") return JSON.parse(text) as Record<string, string>;
      }
      await new Promise((wake) => setTimeout(wake, 50));
    }
    throw new Error(`${name} did not start:\n${this.log(name).slice(-2000)}`);
  }

  async stop(): Promise<void> {
    for (const child of this.processes.reverse()) {
      if (child.exitCode !== null) continue;
      const ended = new Promise((wake) => child.once("exit", wake));
      child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  log(name: string): string {
    return readFileSync(join(this.folder, `${name}.log`), "utf8");
  }

  get adminKey(): string {
    return readFileSync(join(this.folder, "data/admin.key"), "utf8").trim();
  }

  /** Runs the command line as an operator; its output. */
  async valetkey(application: string, ...command: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(
      commandLine,
      ["--address", this.grpc, "--application", application, ...command],
      { env: { ...process.env, VALETKEY_API_KEY: this.adminKey } },
    );
    return stdout;
  }

  /** A call as JSON, with a key of the system. */
  async call(method: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.http}/valetkey.v1.${method}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${this.adminKey}`,
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  /** Tells the emulator: control("config", {reuse: "reject"}). */
  async control(path: string, body: unknown): Promise<void> {
    const response = await fetch(`${this.emulator.control}/_emulator/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  }

  /** A finished consent of a user; the connection's name. */
  async connect(
    provider: string,
    subject: string,
    labels: Record<string, string> = {},
    /** Who consents at the provider; the subject, if it can be one there. */
    login = "",
  ): Promise<string> {
    await this.control("config", {
      auto_approve: true,
      login: login || subject.replace(/\W/g, "").slice(0, 64) || "ann",
    });
    try {
      const begun = await this.call("TokenService/Authorize", {
        provider,
        subject,
        labels,
      });
      const page = await fetch(String(begun["authorizationUri"]));
      if (!page.ok)
        throw new Error(`the consent of ${subject}: ${page.status}`);
      return String(begun["connection"]);
    } finally {
      await this.control("config", { auto_approve: false });
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((wake) => probe.listen(0, "127.0.0.1", wake));
  const { port } = probe.address() as AddressInfo;
  await new Promise((wake) => probe.close(wake));
  return port;
}

import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

/** A server of a test's own calls; its address. */
export async function serve(
  t: TestContext,
  routes: (router: ConnectRouter) => void,
  interceptors: Interceptor[] = [],
): Promise<string> {
  const server = http2.createServer(
    connectNodeAdapter({ routes, interceptors }),
  );
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return `127.0.0.1:${String(port)}`;
}

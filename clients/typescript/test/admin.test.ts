import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Client } from "../src/client.js";
import {
  ApplicationService,
  Right,
} from "../src/gen/valetkey/v1/application_service_pb.js";
import { serve } from "./support/server.js";
import { ProviderService } from "../src/gen/valetkey/v1/provider_service_pb.js";

type Seen = [method: string, request: object];

/** A server that says yes, and what it was asked. */
async function yes(t: TestContext): Promise<{ client: Client; seen: Seen[] }> {
  const seen: Seen[] = [];
  const provider = { name: "applications/shop/providers/pinterest" };
  const application = { name: "applications/shop" };
  const key = { name: "applications/shop/keys/k-1" };
  const entry = { name: "catalog/pinterest" };
  const address = await serve(
    t,
    (router) => {
      router.service(ProviderService, {
        createProvider: () => ({ provider }),
        getProvider: () => ({ provider }),
        updateProvider: () => ({ provider }),
        deleteProvider: () => ({}),
        getCatalogEntry: () => ({ entry }),
        listProviders: ({ pageToken }) => ({
          providers: [provider],
          nextPageToken: pageToken === "" ? "2" : "",
        }),
        listCatalogEntries: () => ({ entries: [entry] }),
      });
      router.service(ApplicationService, {
        createApplication: () => ({ application }),
        getApplication: () => ({ application }),
        updateApplication: () => ({ application }),
        deleteApplication: () => ({}),
        listApplications: () => ({ applications: [application] }),
        createKey: () => ({ key, secret: "vk_new" }),
        listKeys: () => ({ keys: [key] }),
        revokeKey: () => ({ key }),
      });
    },
    [
      (next) => (call) => {
        const { $typeName: _, ...request } = call.message as {
          $typeName?: string;
        };
        seen.push([call.method.name, request]);
        return next(call);
      },
    ],
  );
  const client = new Client({ address, application: "shop" });
  t.after(() => client.close());
  return { client, seen };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test("providers and the catalog", async (t) => {
  const { client, seen } = await yes(t);
  const { admin } = client;
  const name = "applications/shop/providers/pinterest";
  const fields = { clientId: "1", redirectUri: "https://a", scopes: ["x"] };
  const made = await admin.createProvider("pinterest", fields);
  assert.equal(made.name, name);
  await admin.getProvider("pinterest");
  await admin.updateProvider("pinterest", fields, { etag: "e" });
  await admin.deleteProvider("pinterest", { etag: "e" });
  assert.equal((await all(admin.listProviders({ pageSize: 1 }))).length, 2);
  await admin.getCatalogEntry("pinterest");
  assert.equal((await all(admin.listCatalogEntries())).length, 1);
  const of = (method: string) =>
    seen.filter(([seen]) => seen === method).map(([, request]) => request);
  const [created] = of("CreateProvider") as [Record<string, unknown>];
  assert.equal(created["parent"], "applications/shop");
  assert.equal(created["providerId"], "pinterest");
  assert.deepEqual(of("GetProvider"), [{ name }]);
  const [updated] = of("UpdateProvider") as [
    { provider: Record<string, unknown>; updateMask: { paths: string[] } },
  ];
  assert.equal(updated.provider["name"], name);
  assert.equal(updated.provider["etag"], "e");
  assert.deepEqual(updated.updateMask.paths, [
    "client_id",
    "redirect_uri",
    "scopes",
  ]);
  assert.deepEqual(of("DeleteProvider"), [{ name, etag: "e" }]);
  assert.deepEqual(of("GetCatalogEntry"), [{ name: "catalog/pinterest" }]);
});

test("applications and keys", async (t) => {
  const { client, seen } = await yes(t);
  const { admin } = client;
  await admin.createApplication("shop", { displayName: "Shop" });
  assert.equal((await admin.getApplication()).name, "applications/shop");
  await admin.updateApplication("shop", { returnUris: ["https://a"] });
  await admin.deleteApplication("shop");
  assert.equal((await all(admin.listApplications())).length, 1);
  const expiresAt = new Date(1_800_000_000_000);
  const key = { rights: [Right.READ_TOKENS], expiresAt };
  assert.equal((await admin.createKey(key)).secret, "vk_new");
  assert.equal((await all(admin.listKeys())).length, 1);
  await admin.revokeKey("k-1");
  const of = (method: string) =>
    seen.filter(([seen]) => seen === method).map(([, request]) => request);
  const [updated] = of("UpdateApplication") as [
    { updateMask: { paths: string[] } },
  ];
  assert.deepEqual(updated.updateMask.paths, ["return_uris"]);
  assert.deepEqual(of("DeleteApplication"), [
    { name: "applications/shop", etag: "" },
  ]);
  assert.deepEqual(of("RevokeKey"), [{ name: "applications/shop/keys/k-1" }]);
  const [created] = of("CreateKey") as [Record<string, unknown>];
  assert.deepEqual(created["rights"], [Right.READ_TOKENS]);
});

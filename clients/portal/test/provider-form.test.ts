import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  Category,
  ClientAuthenticationMethod,
  InputSchema,
  InputSource,
  PkceSupport,
  ProviderDefinitionSchema,
} from "../src/gen/valetkey/catalog/v1/definition_pb";
import {
  CatalogEntrySchema,
  PkceMode,
  ProviderSchema,
} from "../src/gen/valetkey/v1/provider_service_pb";
import { categoriesOf, searchCatalog } from "../src/lib/catalog";
import {
  beginForm,
  changedFields,
  checkForm,
  problemOfInput,
  providerOf,
} from "../src/lib/provider-form";

const definition = create(ProviderDefinitionSchema, {
  id: "acme",
  displayName: "Acme",
  category: Category.CRM,
  summary: "Connect customers",
  scopes: [{ name: "read" }, { name: "write" }],
  authorization: { defaultScopes: ["read"] },
  clientAuthentication: { method: ClientAuthenticationMethod.BASIC },
  pkce: { support: PkceSupport.SUPPORTED },
  inputs: [
    {
      name: "tenant",
      displayName: "Tenant",
      source: InputSource.OPERATOR,
      pattern: "[a-z]+",
      example: "acme",
      stripSuffixes: [".acme.example"],
    },
    { name: "shop", source: InputSource.USER },
  ],
});

test("a new form has the entry's defaults", () => {
  expect(beginForm(definition, "acme-2")).toMatchObject({
    id: "acme-2",
    displayName: "Acme",
    scopes: ["read"],
    otherScopes: "",
    pkce: true,
    inputs: { tenant: "" },
  });
});

test("scopes that are not offered are kept", () => {
  const provider = create(ProviderSchema, { scopes: ["write", "odd", "rare"] });
  const form = beginForm(definition, "acme", provider);
  expect(form).toMatchObject({ scopes: ["write"], otherScopes: "odd rare" });
  expect(providerOf(definition, form).scopes).toEqual(["write", "odd", "rare"]);
});

test("what is missing is named by its field", () => {
  const form = beginForm(definition, "acme");
  expect(Object.keys(checkForm(definition, form, true))).toEqual([
    "client_id",
    "client_secret",
    "tenant",
  ]);
  const complete = { ...form, clientId: "1", inputs: { tenant: "acme" } };
  // The stored secret is kept.
  expect(checkForm(definition, complete, false)).toEqual({});
});

test("an input is held to its pattern as the server holds it", () => {
  const [input] = definition.inputs;
  if (input === undefined) throw new Error("no input");
  expect(problemOfInput(input, " acme.acme.example ")).toBe("");
  expect(problemOfInput(input, "acme1")).toContain("[a-z]+");
  expect(problemOfInput(input, "evil.example/acme")).toContain("acme");
  expect(problemOfInput(input, "")).toContain("Tenant is needed");
  const listed = create(InputSchema, { allowedValues: ["eu", "us"] });
  expect(problemOfInput(listed, "eu")).toBe("");
  expect(problemOfInput(listed, "mars")).toContain("eu, us");
  const strange = create(InputSchema, { pattern: "(?P<x>" });
  expect(problemOfInput(strange, "anything")).toBe("");
});

test("PKCE is sent only where it differs from the entry", () => {
  const form = beginForm(definition, "acme");
  expect(providerOf(definition, form).pkce).toBe(PkceMode.UNSPECIFIED);
  const off = { ...form, pkce: false };
  expect(providerOf(definition, off).pkce).toBe(PkceMode.OFF);
  const kept = create(ProviderSchema, { pkce: PkceMode.OFF });
  expect(beginForm(definition, "acme", kept).pkce).toBe(false);
});

test("the secret is changed only if there is a new one", () => {
  const form = beginForm(definition, "acme");
  expect(changedFields(form)).not.toContain("client_secret");
  expect(changedFields({ ...form, clientSecret: "s" })).toContain(
    "client_secret",
  );
});

test("the catalog is searched by words and category", () => {
  const entry = create(CatalogEntrySchema, {
    name: "catalog/acme",
    definition,
  });
  const entries = [entry, create(CatalogEntrySchema)];
  expect(searchCatalog(entries, "customers ACME", undefined)).toEqual([entry]);
  expect(searchCatalog(entries, "", Category.CRM)).toEqual([entry]);
  expect(searchCatalog(entries, "", Category.HR)).toEqual([]);
  expect(searchCatalog(entries, "acme other", undefined)).toEqual([]);
  expect(categoriesOf(entries)).toEqual([[Category.CRM, 1]]);
});

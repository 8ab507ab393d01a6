// The form of a configured provider: what it begins with, what is wrong with
// it, and what is sent.
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Input,
  ProviderDefinition,
} from "../gen/valetkey/catalog/v1/definition_pb";
import {
  ClientAuthenticationMethod,
  InputSource,
  PkceSupport,
} from "../gen/valetkey/catalog/v1/definition_pb";
import type {
  Provider,
  ProviderSchema,
} from "../gen/valetkey/v1/provider_service_pb";
import { PkceMode } from "../gen/valetkey/v1/provider_service_pb";
import { problemOfId } from "./names";

export interface ProviderForm {
  readonly id: string;
  readonly displayName: string;
  readonly environment: string;
  readonly clientId: string;
  /** Empty keeps the stored one. */
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  /** Scopes that the definition does not offer, separated by blanks. */
  readonly otherScopes: string;
  readonly redirectUri: string;
  readonly pkce: boolean;
  readonly inputs: Readonly<Record<string, string>>;
}

export type Problems = Readonly<Record<string, string>>;

/** The inputs that the operator fills in. */
export function operatorInputs(definition: ProviderDefinition): Input[] {
  return definition.inputs.filter(
    ({ source }) => source === InputSource.OPERATOR,
  );
}

/** The inputs that the person who connects fills in. */
export function userInputs(definition: ProviderDefinition): Input[] {
  return definition.inputs.filter(({ source }) => source === InputSource.USER);
}

export function pkceDefault(definition: ProviderDefinition): boolean {
  const support = definition.pkce?.support;
  return support === PkceSupport.SUPPORTED || support === PkceSupport.REQUIRED;
}

export function needsSecret(definition: ProviderDefinition): boolean {
  const method = definition.clientAuthentication?.method;
  return (
    method !== ClientAuthenticationMethod.NONE &&
    method !== ClientAuthenticationMethod.OMITTED
  );
}

/** The form for a new provider, or for one there is. */
export function beginForm(
  definition: ProviderDefinition,
  id: string,
  provider?: Provider,
): ProviderForm {
  const offered = new Set(definition.scopes.map(({ name }) => name));
  const chosen = provider?.scopes ?? [];
  const scopes =
    chosen.length > 0
      ? chosen
      : (definition.authorization?.defaultScopes ?? []);
  const inputs: Record<string, string> = {};
  for (const { name, defaultValue } of operatorInputs(definition)) {
    inputs[name] = provider?.inputs[name] ?? defaultValue;
  }
  return {
    id,
    displayName: provider?.displayName ?? definition.displayName,
    environment: provider?.environment ?? "",
    clientId: provider?.clientId ?? "",
    clientSecret: "",
    scopes: scopes.filter((scope) => offered.has(scope)),
    otherScopes: scopes.filter((scope) => !offered.has(scope)).join(" "),
    redirectUri: provider?.redirectUri ?? "",
    pkce: pkceOf(definition, provider?.pkce),
    inputs,
  };
}

function pkceOf(definition: ProviderDefinition, mode?: PkceMode): boolean {
  if (mode === PkceMode.S256) return true;
  if (mode === PkceMode.OFF) return false;
  return pkceDefault(definition);
}

/** What is wrong, by field; the server checks the same again. */
export function checkForm(
  definition: ProviderDefinition,
  form: ProviderForm,
  isNew: boolean,
): Problems {
  const problems: Record<string, string> = {};
  const idProblem = isNew ? problemOfId(form.id) : "";
  if (idProblem !== "") problems.id = idProblem;
  if (form.clientId.trim() === "") {
    problems.client_id =
      "The client id is needed. The provider shows it with your app.";
  }
  if (isNew && needsSecret(definition) && form.clientSecret === "") {
    problems.client_secret =
      "The client secret is needed. The provider shows it with your app.";
  }
  for (const input of operatorInputs(definition)) {
    const problem = problemOfInput(input, form.inputs[input.name] ?? "");
    if (problem !== "") problems[input.name] = problem;
  }
  return problems;
}

/** What is wrong with the value of an input; "" if nothing is. */
export function problemOfInput(input: Input, given: string): string {
  let value = given.trim();
  for (const prefix of input.stripPrefixes) {
    if (value.startsWith(prefix)) value = value.slice(prefix.length);
  }
  for (const suffix of input.stripSuffixes) {
    if (value.endsWith(suffix)) value = value.slice(0, -suffix.length);
  }
  const example = input.example === "" ? "" : ` Example: ${input.example}`;
  if (value === "") {
    if (input.defaultValue !== "") return "";
    return `${input.displayName || input.name} is needed.${example}`;
  }
  if (input.allowedValues.length > 0 && !input.allowedValues.includes(value)) {
    return `Choose one of: ${input.allowedValues.join(", ")}.`;
  }
  if (input.pattern !== "" && !matches(input.pattern, value)) {
    return `It must match ${input.pattern}.${example}`;
  }
  return "";
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, "u").test(value);
  } catch {
    return true; // The server knows the pattern's dialect, and checks too.
  }
}

/** The provider to send. */
export function providerOf(
  definition: ProviderDefinition,
  form: ProviderForm,
): MessageInitShape<typeof ProviderSchema> {
  const others = form.otherScopes
    .split(/[\s,]+/)
    .filter((scope) => scope !== "");
  const inputs: Record<string, string> = {};
  for (const [name, value] of Object.entries(form.inputs)) {
    if (value.trim() !== "") inputs[name] = value.trim();
  }
  let pkce = PkceMode.UNSPECIFIED;
  if (form.pkce !== pkceDefault(definition)) {
    pkce = form.pkce ? PkceMode.S256 : PkceMode.OFF;
  }
  return {
    displayName: form.displayName.trim(),
    environment: form.environment,
    clientId: form.clientId.trim(),
    clientSecret: form.clientSecret,
    scopes: [...new Set([...form.scopes, ...others])],
    redirectUri: form.redirectUri.trim(),
    pkce,
    inputs,
  };
}

/** The fields to send in a change: the secret only if there is a new one. */
export function changedFields(form: ProviderForm): string[] {
  const always = [
    "display_name",
    "client_id",
    "scopes",
    "redirect_uri",
    "pkce",
    "inputs",
  ];
  return form.clientSecret === "" ? always : [...always, "client_secret"];
}

// The contract's enumerations in the words that people read.
import {
  Category,
  Confidence,
  PkceSupport,
  RefreshKind,
} from "../gen/valetkey/catalog/v1/definition_pb";
import type { ProviderDefinition } from "../gen/valetkey/catalog/v1/definition_pb";
import { Right } from "../gen/valetkey/v1/application_service_pb";
import { ConnectionState } from "../gen/valetkey/v1/connection_service_pb";
import { EventType } from "../gen/valetkey/v1/event_service_pb";
import { CatalogSource } from "../gen/valetkey/v1/provider_service_pb";
import {
  RevocationResult,
  TokenKind,
} from "../gen/valetkey/v1/token_service_pb";

/**
 * "Developer tools" of DEVELOPER_TOOLS. A server that is newer than the page
 * may send a value without a name.
 */
function nameOf(
  names: Readonly<Record<number, string | undefined>>,
  value: number,
): string {
  const words = (names[value] ?? "Unknown").toLowerCase().replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function categoryWords(category: Category): string {
  if (category === Category.CRM) return "CRM";
  if (category === Category.HR) return "HR";
  return nameOf(Category, category);
}

export function confidenceWords(confidence: Confidence): string {
  switch (confidence) {
    case Confidence.DOCUMENTED:
      return "documented";
    case Confidence.OBSERVED:
      return "observed";
    default:
      return "assumed";
  }
}

const rightTexts: Partial<Record<Right, string>> = {
  [Right.READ_METADATA]: "Read connections, providers and events; no secrets",
  [Right.READ_TOKENS]: "Read access tokens, and have them refreshed",
  [Right.CONNECT]: "Begin and finish consent, and label connections",
  [Right.REVOKE]: "Revoke and delete connections",
  [Right.ADMINISTER]: "Configure providers, return URIs and keys",
};

/** The rights that a key can have, in order. */
export const rights = [
  Right.READ_METADATA,
  Right.READ_TOKENS,
  Right.CONNECT,
  Right.REVOKE,
  Right.ADMINISTER,
] as const;

export function rightWords(right: Right): string {
  return nameOf(Right, right);
}

export function rightMeaning(right: Right): string {
  return rightTexts[right] ?? "";
}

const stateTexts: Partial<Record<ConnectionState, string>> = {
  [ConnectionState.ACTIVE]: "Active",
  [ConnectionState.REAUTHORIZATION_REQUIRED]: "Consent needed",
  [ConnectionState.REVOKING]: "Revoking",
  [ConnectionState.REVOKED]: "Revoked",
};

/** The states that a connection can be in, in order. */
export const connectionStates = [
  ConnectionState.ACTIVE,
  ConnectionState.REAUTHORIZATION_REQUIRED,
  ConnectionState.REVOKING,
  ConnectionState.REVOKED,
] as const;

export function stateWords(state: ConnectionState): string {
  return stateTexts[state] ?? "Unknown";
}

const eventTexts: Partial<Record<EventType, string>> = {
  [EventType.CONNECTED]: "Connected",
  [EventType.REAUTHORIZED]: "Consented again",
  [EventType.REFRESHED]: "Refreshed",
  [EventType.REFRESH_FAILED]: "Refresh failed",
  [EventType.REAUTHORIZATION_REQUIRED]: "Consent needed",
  [EventType.EXPIRING]: "Expires soon",
  [EventType.REVOKED]: "Revoked",
  [EventType.UPDATED]: "Details changed",
  [EventType.DELETED]: "Deleted",
};

/** What can happen to a connection, in the contract's order. */
export const eventTypes = [
  EventType.CONNECTED,
  EventType.REAUTHORIZED,
  EventType.REFRESHED,
  EventType.REFRESH_FAILED,
  EventType.REAUTHORIZATION_REQUIRED,
  EventType.EXPIRING,
  EventType.REVOKED,
  EventType.UPDATED,
  EventType.DELETED,
] as const;

/** The value of a list that a form's text names; undefined if none is. */
export function chosenOf<T extends number>(
  values: readonly T[],
  text: string,
): T | undefined {
  return values.find((value) => String(value) === text);
}

export function eventWords(type: EventType): string {
  return eventTexts[type] ?? "Unknown";
}

export function tokenKindWords(kind: TokenKind): string {
  return kind === TokenKind.REFRESH_TOKEN ? "Refresh token" : "Access token";
}

const revocationTexts: Partial<Record<RevocationResult, string>> = {
  [RevocationResult.REVOKED]: "Revoked at the provider",
  [RevocationResult.ALREADY_INVALID]: "Was invalid before",
  [RevocationResult.UNSUPPORTED_BY_PROVIDER]: "The provider cannot revoke it",
  [RevocationResult.FAILED]: "Failed: it may live until it expires",
};

export function revocationWords(result: RevocationResult): string {
  return revocationTexts[result] ?? "Unknown";
}

/** Where a definition comes from. */
export function sourceWords(source: CatalogSource): string {
  switch (source) {
    case CatalogSource.ADDED:
      return "Added in the portal or by a call";
    case CatalogSource.FILE:
      return "From a file in the server’s --catalog_dir";
    default:
      return "Part of ValetKey";
  }
}

export function pkceWords(definition: ProviderDefinition): string {
  switch (definition.pkce?.support) {
    case PkceSupport.REQUIRED:
      return "Required";
    case PkceSupport.SUPPORTED:
      return "Supported";
    case PkceSupport.TOLERATED:
      return "Tolerated";
    default:
      return "Not supported";
  }
}

export function refreshWords(definition: ProviderDefinition): string {
  return definition.refresh?.kind === RefreshKind.NONE ? "None" : "Automatic";
}

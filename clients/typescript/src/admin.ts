import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { required } from "./errors.js";
import {
  type Application,
  ApplicationService,
  type CreateKeyResponse,
  type Key,
  type ListApplicationsResponse,
  type ListKeysResponse,
  type Right,
} from "./gen/valetkey/v1/application_service_pb.js";
import {
  type CatalogEntry,
  type ListCatalogEntriesResponse,
  type ListProvidersResponse,
  type Provider,
  type ProviderSchema,
  ProviderService,
} from "./gen/valetkey/v1/provider_service_pb.js";
import { applicationName, type Names } from "./names.js";
import { Pager } from "./pager.js";
import type { CallOptions, EtagOptions, ListOptions } from "./params.js";
import { present } from "./present.js";
import type { Rpc } from "./rpc.js";

/** What an operator sets of a provider. */
export type ProviderFields = Omit<
  MessageInitShape<typeof ProviderSchema>,
  "$typeName" | "$unknown" | "name"
>;

/** What an operator sets of an application. */
export interface ApplicationFields {
  displayName?: string | undefined;
  /** Where browsers may be sent after consent. */
  returnUris?: readonly string[] | undefined;
}

/** A new API key. */
export interface KeyFields {
  displayName?: string | undefined;
  rights: readonly Right[];
  /** Default: never. */
  expiresAt?: Date | undefined;
}

/** For what belongs to an application. */
export interface OfApplication {
  /** Default: the client's. */
  application?: string | undefined;
}

/**
 * The calls of operators: providers, the catalog, applications and their keys.
 * Create, update and delete are not repeated when ValetKey is unavailable.
 */
export class Admin {
  readonly #rpc: Rpc;
  readonly #names: Names;

  /** @internal */
  constructor(rpc: Rpc, names: Names) {
    this.#rpc = rpc;
    this.#names = names;
  }

  /** Configures an OAuth client at a provider of the catalog. */
  async createProvider(
    id: string,
    provider: ProviderFields,
    options: OfApplication & CallOptions = {},
  ): Promise<Provider> {
    const parent = this.#names.application(options.application);
    const answer = await this.#rpc.call(
      ProviderService.method.createProvider,
      { parent, providerId: id, provider },
      options,
      false,
    );
    return required(answer.provider);
  }

  async getProvider(
    name: string,
    options: CallOptions = {},
  ): Promise<Provider> {
    const answer = await this.#rpc.call(
      ProviderService.method.getProvider,
      { name: this.#names.provider(name) },
      options,
      true,
    );
    return required(answer.provider);
  }

  listProviders(
    options: OfApplication & ListOptions = {},
  ): Pager<ListProvidersResponse, Provider> {
    const parent = this.#names.application(options.application);
    return new Pager(
      (pageToken) =>
        this.#rpc.call(
          ProviderService.method.listProviders,
          { parent, pageToken, pageSize: options.pageSize ?? 0 },
          options,
          true,
        ),
      (page) => page.providers,
    );
  }

  /** Changes the fields that are given, and only those. */
  async updateProvider(
    name: string,
    provider: ProviderFields,
    options: EtagOptions = {},
  ): Promise<Provider> {
    const fields = present(provider);
    const answer = await this.#rpc.call(
      ProviderService.method.updateProvider,
      {
        provider: {
          ...fields,
          name: this.#names.provider(name),
          etag: options.etag ?? "",
        },
        updateMask: { paths: maskOf(fields) },
      },
      options,
      false,
    );
    return required(answer.provider);
  }

  async deleteProvider(name: string, options: EtagOptions = {}): Promise<void> {
    await this.#rpc.call(
      ProviderService.method.deleteProvider,
      { name: this.#names.provider(name), etag: options.etag ?? "" },
      options,
      false,
    );
  }

  /** The providers that ValetKey knows how to speak with. */
  listCatalogEntries(
    options: ListOptions = {},
  ): Pager<ListCatalogEntriesResponse, CatalogEntry> {
    return new Pager(
      (pageToken) =>
        this.#rpc.call(
          ProviderService.method.listCatalogEntries,
          { pageToken, pageSize: options.pageSize ?? 0 },
          options,
          true,
        ),
      (page) => page.entries,
    );
  }

  /** @param name - `pinterest` or `catalog/pinterest`. */
  async getCatalogEntry(
    name: string,
    options: CallOptions = {},
  ): Promise<CatalogEntry> {
    const full = name.startsWith("catalog/") ? name : `catalog/${name}`;
    const answer = await this.#rpc.call(
      ProviderService.method.getCatalogEntry,
      { name: full },
      options,
      true,
    );
    return required(answer.entry);
  }

  async createApplication(
    id: string,
    application: ApplicationFields = {},
    options: CallOptions = {},
  ): Promise<Application> {
    const answer = await this.#rpc.call(
      ApplicationService.method.createApplication,
      { applicationId: id, application: messageOf(application) },
      options,
      false,
    );
    return required(answer.application);
  }

  /** @param name - Default: the client's application. */
  async getApplication(
    name?: string,
    options: CallOptions = {},
  ): Promise<Application> {
    const answer = await this.#rpc.call(
      ApplicationService.method.getApplication,
      { name: this.#names.application(name) },
      options,
      true,
    );
    return required(answer.application);
  }

  /** The applications that the API key may see. */
  listApplications(
    options: ListOptions = {},
  ): Pager<ListApplicationsResponse, Application> {
    return new Pager(
      (pageToken) =>
        this.#rpc.call(
          ApplicationService.method.listApplications,
          { pageToken, pageSize: options.pageSize ?? 0 },
          options,
          true,
        ),
      (page) => page.applications,
    );
  }

  /** Changes the fields that are given, and only those. */
  async updateApplication(
    name: string,
    application: ApplicationFields,
    options: EtagOptions = {},
  ): Promise<Application> {
    const fields = messageOf(application);
    const answer = await this.#rpc.call(
      ApplicationService.method.updateApplication,
      {
        application: {
          ...fields,
          name: applicationName(name),
          etag: options.etag ?? "",
        },
        updateMask: { paths: maskOf(fields) },
      },
      options,
      false,
    );
    return required(answer.application);
  }

  /** Deletes an application and its keys. */
  async deleteApplication(
    name: string,
    options: EtagOptions = {},
  ): Promise<void> {
    await this.#rpc.call(
      ApplicationService.method.deleteApplication,
      { name: applicationName(name), etag: options.etag ?? "" },
      options,
      false,
    );
  }

  /** Makes an API key; its `secret` is shown this one time. */
  async createKey(
    key: KeyFields,
    options: OfApplication & CallOptions = {},
  ): Promise<CreateKeyResponse> {
    return this.#rpc.call(
      ApplicationService.method.createKey,
      {
        parent: this.#names.application(options.application),
        displayName: key.displayName ?? "",
        rights: [...key.rights],
        ...(key.expiresAt && { expireTime: timestampFromDate(key.expiresAt) }),
      },
      options,
      false,
    );
  }

  listKeys(
    options: OfApplication & ListOptions = {},
  ): Pager<ListKeysResponse, Key> {
    const parent = this.#names.application(options.application);
    return new Pager(
      (pageToken) =>
        this.#rpc.call(
          ApplicationService.method.listKeys,
          { parent, pageToken, pageSize: options.pageSize ?? 0 },
          options,
          true,
        ),
      (page) => page.keys,
    );
  }

  /** Makes a key useless at once; may be repeated. */
  async revokeKey(name: string, options: CallOptions = {}): Promise<Key> {
    const answer = await this.#rpc.call(
      ApplicationService.method.revokeKey,
      { name: this.#names.key(name) },
      options,
      true,
    );
    return required(answer.key);
  }
}

function messageOf({ displayName, returnUris }: ApplicationFields): {
  displayName?: string;
  returnUris?: string[];
} {
  return present({
    displayName,
    returnUris: returnUris && [...returnUris],
  });
}

// The names of the fields as the contract has them.
function maskOf(fields: object): string[] {
  return Object.keys(fields).map((field) =>
    field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  );
}

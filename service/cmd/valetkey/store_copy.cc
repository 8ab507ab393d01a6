// valetkey store copy: moves an embedded store into a PostgreSQL.
//
// The server is stopped. What is copied is read back and compared; then the
// file is set aside, so that no server goes on refreshing from it: two stores
// that refresh the same grant would lose it.

#include "service/cmd/valetkey/store_copy.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/base/status.h"
#include "service/cmd/valetkey/shell.h"
#include "service/store/postgres/postgres_store.h"
#include "service/store/sqlite/sqlite_store.h"

namespace valetkey::cli {
namespace {

using store::Rows;
using store::Store;

constexpr int kPage = 500;

// A record as it is to be in the other store: what only the store it is in
// gives a meaning to is left out.
template <class T>
T Portable(T record) {
  record.revision = 0;
  if constexpr (std::is_same_v<T, store::Connection>) record.lease = {};
  return record;
}

template <class T>
Task<absl::Status> CopyOne(Store& to, T record,
                           std::optional<std::string> store::RowKeys::* key,
                           std::optional<T> Rows::* row) {
  record = Portable(std::move(record));
  store::RowKeys keys;
  keys.*key = record.name;
  // A run that was interrupted has left a part of it.
  VK_CO_ASSIGN_OR_RETURN(const Rows rows,
                         co_await to.Update(keys, [row, record](Rows& given) {
                           if (!(given.*row)) given.*row = record;
                           return absl::OkStatus();
                         }));
  if (Portable(*(rows.*row)) == record) co_return absl::OkStatus();
  co_return MakeError(
      Reason::kResourceExists,
      absl::StrCat(record.name, " is in the other store, and not the same"));
}

// All pages of a list, each record by `copy`; adds to `count`.
template <class List, class Copy>
Task<absl::Status> CopyAll(List list, Copy copy, int* count) {
  std::string after;
  do {
    auto page = co_await list(after);
    if (!page.ok()) co_return page.status();
    for (auto& item : page->items) {
      VK_CO_RETURN_IF_ERROR(co_await copy(std::move(item)));
      ++*count;
    }
    after = page->next;
  } while (!after.empty());
  co_return absl::OkStatus();
}

}  // namespace

Task<absl::StatusOr<CopiedStore>> CopyStore(Store& from, Store& to) {
  CopiedStore copied;
  std::vector<std::string> applications;
  const auto application = [&](store::Application one) {
    applications.push_back(one.name);
    return CopyOne(to, std::move(one), &store::RowKeys::application,
                   &Rows::application);
  };
  const auto key = [&](store::ApiKey one) {
    return CopyOne(to, std::move(one), &store::RowKeys::key, &Rows::key);
  };
  const auto provider = [&](store::Provider one) {
    return CopyOne(to, std::move(one), &store::RowKeys::provider,
                   &Rows::provider);
  };
  const auto connection = [&](store::Connection one) {
    return CopyOne(to, std::move(one), &store::RowKeys::connection,
                   &Rows::connection);
  };
  const auto list_applications = [&](std::string after) {
    return from.ListApplications(std::move(after), kPage);
  };
  // Before the providers that are of them.
  VK_CO_ASSIGN_OR_RETURN(store::AddedDefinitions added,
                         co_await from.ListDefinitions());
  for (store::AddedDefinition& one : added.items) {
    VK_CO_RETURN_IF_ERROR(co_await CopyOne(
        to, std::move(one), &store::RowKeys::definition, &Rows::definition));
    ++copied.definitions;
  }
  VK_CO_RETURN_IF_ERROR(
      co_await CopyAll(list_applications, application, &copied.applications));
  for (const std::string& name : applications) {
    const auto list_keys = [&](std::string after) {
      return from.ListKeys(name, std::move(after), kPage);
    };
    const auto list_providers = [&](std::string after) {
      return from.ListProviders(name, std::move(after), kPage);
    };
    const auto list_connections = [&](std::string after) {
      store::ConnectionFilter filter;
      filter.application = name;
      return from.ListConnections(filter, std::move(after), kPage);
    };
    VK_CO_RETURN_IF_ERROR(co_await CopyAll(list_keys, key, &copied.keys));
    VK_CO_RETURN_IF_ERROR(
        co_await CopyAll(list_providers, provider, &copied.providers));
    VK_CO_RETURN_IF_ERROR(
        co_await CopyAll(list_connections, connection, &copied.connections));
  }
  co_return copied;
}

namespace {

absl::Status MoveStore(Shell& shell, const std::string& folder,
                       const std::string& url) {
  const std::string file = absl::StrCat(folder, "/store.db");
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return MakeError(Reason::kStoreUnavailable,
                     absl::StrCat("there is no store ", file));
  }
  CopiedStore copied;
  {
    ReactorPool reactors(1);
    // Refused while a server has it.
    VK_ASSIGN_OR_RETURN(auto from, store::NewSqliteStore({.path = file}));
    store::PostgresStoreOptions options;
    options.url = url;
    options.reactors = &reactors;
    VK_ASSIGN_OR_RETURN(auto to, store::NewPostgresStore(std::move(options)));
    VK_ASSIGN_OR_RETURN(
        copied, asio::co_spawn(reactors.At(0).executor(), CopyStore(*from, *to),
                               asio::use_future)
                    .get());
  }
  // Closed, so that its log is in the file.
  const std::string aside = absl::StrCat(file, ".moved");
  std::filesystem::rename(file, aside, error);
  if (error) {
    return MakeError(Reason::kStoreUnavailable,
                     absl::StrCat("all is copied, but ", file,
                                  " could not be set aside: ", error.message(),
                                  "; move it away by hand, and start no "
                                  "server on it"));
  }
  shell.out() << "copied " << copied.applications << " applications, "
              << copied.keys << " keys, " << copied.providers << " providers, "
              << copied.connections << " connections and " << copied.definitions
              << " definitions\n"
              << "the embedded store is now " << aside
              << ": start no server on it again, or grants are lost\n"
              << "start the servers with --store and the same --keyring\n";
  return absl::OkStatus();
}

}  // namespace

void AddStoreCommands(CLI::App& app, Shell& shell) {
  auto* group = app.add_subcommand("store", "Move the store");
  group->require_subcommand(1);
  auto* copy = group->add_subcommand(
      "copy",
      "Copy an embedded store into a PostgreSQL and set its file aside; the "
      "server is stopped");
  auto folder = std::make_shared<std::string>();
  auto url = std::make_shared<std::string>();
  copy->add_option("--from", *folder, "The server's --data_dir")->required();
  copy->add_option("--to", *url,
                   "As the server's --store: postgres://user@host/database")
      ->required();
  copy->callback([&shell, folder, url] {
    const absl::Status status = MoveStore(shell, *folder, *url);
    shell.Finish(grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                              std::string(status.message())));
  });
}

}  // namespace valetkey::cli

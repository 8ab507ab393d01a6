#include "valetkey/client.h"

#include <utility>

#include "src/core.h"
#include "src/expand.h"
#include "src/names.h"
#include "src/new_client.h"
#include "src/source.h"
#include "src/status.h"
#include "src/watch_hub.h"
#include "src/watcher.h"

namespace valetkey::client {

namespace internal {

absl::StatusOr<Client> NewClient(const ClientOptions& options,
                                 const Environment& environment,
                                 std::shared_ptr<Scheduler> scheduler) {
  absl::StatusOr<Config> config = Resolve(options, environment);
  if (!config.ok()) return config.status();
  return Client(
      std::make_shared<Core>(*std::move(config), std::move(scheduler)));
}

}  // namespace internal

absl::StatusOr<Client> Client::Create(const ClientOptions& options) {
  return internal::NewClient(options, internal::ProcessEnvironment,
                             internal::NewScheduler());
}

Client::Client(std::shared_ptr<internal::Core> core) : core_(std::move(core)) {}

Client::~Client() { Close(); }

Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    Close();
    core_ = std::move(other.core_);
  }
  return *this;
}

void Client::Close() {
  if (core_ != nullptr) core_->Close();
}

absl::StatusOr<TokenSource> Client::NewTokenSource(absl::string_view name,
                                                   TokenSourceOptions options) {
  absl::StatusOr<std::string> full =
      internal::Expand(core_->config().application, "connections", name);
  if (!full.ok()) return full.status();
  if (internal::ApplicationOf(*full).empty()) {
    return internal::ConfigError("a token source needs a connection's name");
  }
  return TokenSource(
      internal::Source::Create(core_, *std::move(full), std::move(options)));
}

absl::Duration Client::WatchSilence(absl::string_view application) const {
  const absl::StatusOr<std::string> full =
      application.empty() ? core_->config().application
                          : internal::ExpandTop("applications", application);
  if (!full.ok()) return absl::InfiniteDuration();
  const auto hub = core_->HubOf(*full);
  return hub == nullptr ? absl::InfiniteDuration() : hub->Silence();
}

absl::StatusOr<Watch> Client::WatchEvents(v1::WatchEventsRequest request) {
  const absl::Status expanded =
      internal::NameExpander(core_->config().application)(&request);
  if (!expanded.ok()) return expanded;
  return Watch(internal::Watcher::Create(core_, std::move(request)));
}

}  // namespace valetkey::client

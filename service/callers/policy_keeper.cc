#include "service/callers/policy_keeper.h"

#include <boost/asio/this_coro.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/base/log.h"
#include "service/base/status.h"

namespace valetkey::callers {
namespace {

constexpr std::size_t kMaxPolicySize = std::size_t{1} << 20;

Counter& Reloads(Metrics& metrics, const char* result) {
  return metrics.GetCounter("valetkey_caller_policy_loads_total",
                            "Times that the caller policy was read, by result.",
                            {{"result", result}});
}

}  // namespace

std::shared_ptr<IssuerKeys> PolicySnapshot::FindKeys(
    absl::string_view iss) const {
  const identity::Issuer* issuer = policy->FindIssuer(iss);
  return issuer == nullptr ? nullptr : keys[issuer - policy->issuers().data()];
}

PolicyKeeper::PolicyKeeper(PolicyKeeperOptions options, const Clock& clock,
                           Metrics& metrics, asio::any_io_executor home,
                           KeyClientFactory make_client)
    : options_(std::move(options)),
      clock_(clock),
      metrics_(metrics),
      home_(std::move(home)),
      make_client_(std::move(make_client)),
      loaded_(Reloads(metrics, "ok")),
      failed_(Reloads(metrics, "failed")),
      good_(metrics.GetGauge("valetkey_caller_policy_current",
                             "1 while the caller policy in force is what its "
                             "file says, 0 while the file is not good.")),
      file_(options_.file, kMaxPolicySize),
      current_(std::make_shared<PolicySnapshot>()) {}

PolicyKeeper::~PolicyKeeper() {
  fetches_.Close();
  // Bounded by the time-out of a fetch.
  while (!fetches_.Join(absl::Seconds(10))) {
  }
}

absl::Status PolicyKeeper::Open() { return Load(); }

std::shared_ptr<const PolicySnapshot> PolicyKeeper::current() const {
  ReaderLock lock(mutex_);
  return current_;
}

void PolicyKeeper::Wake() { wake_->Notify(); }

Task<void> PolicyKeeper::Run() {
  do {
    Look();
    (void)co_await WakeSignal::Wait(wake_, options_.poll_interval);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
  } while (true);
}

void PolicyKeeper::Look() {
  if (file_.Changed()) {
    const absl::Status status = Load();
    if (status.ok()) {
      Log(LogLevel::kInfo, "the caller policy was read again",
          {{"file", options_.file}});
    } else {
      Log(LogLevel::kError,
          "the caller policy cannot be used; the one before stays in force",
          {{"file", options_.file}, {"status", status}});
    }
  }
  for (const std::shared_ptr<IssuerKeys>& keys : current()->keys) {
    if (keys->from_url()) {
      metrics_
          .GetGauge("valetkey_caller_keys_age_seconds",
                    "How long ago an issuer's URL was last read.",
                    {{"issuer", keys->name()}})
          .Set(absl::ToDoubleSeconds(keys->age()));
    }
    if (!keys->Due()) continue;
    (void)fetches_.Spawn(home_, "read an issuer's keys",
                         IssuerKeys::Renew(keys));
  }
}

absl::Status PolicyKeeper::Load() {
  const auto load = [this]() -> absl::Status {
    VK_ASSIGN_OR_RETURN(const std::string text, file_.Read());
    auto next = std::make_shared<PolicySnapshot>();
    VK_ASSIGN_OR_RETURN(next->policy,
                        identity::Policy::Parse(options_.file, text));
    if (next->policy->uses_certificates() && !options_.certificates) {
      return MakeError(
          Reason::kFieldInvalid,
          absl::StrCat(options_.file,
                       ": a rule with mtls needs --tls_client_ca, whose "
                       "authorities sign the certificates"));
    }
    const std::shared_ptr<const PolicySnapshot> before = current();
    for (const identity::Issuer& issuer : next->policy->issuers()) {
      std::shared_ptr<IssuerKeys> keys =
          before->policy == nullptr ? nullptr
                                    : before->FindKeys(issuer.expected.issuer);
      if (keys == nullptr || keys->name() != issuer.name ||
          !(keys->location() == issuer.keys)) {
        HttpClient* client = nullptr;
        if (issuer.keys.file.empty()) {
          VK_ASSIGN_OR_RETURN(client, ClientFor(issuer.keys.ca_file));
        }
        keys = std::make_shared<IssuerKeys>(
            issuer.name, issuer.keys, issuer.expected.issuer,
            IssuerKeysDependencies{.clock = clock_,
                                   .metrics = metrics_,
                                   .http = client,
                                   .home = home_,
                                   .changed = [this] {
                                     generation_.fetch_add(
                                         1, std::memory_order_acq_rel);
                                   }});
        if (absl::Status status = keys->Open(); !status.ok()) {
          return MakeError(Reason::kFieldInvalid,
                           absl::StrCat(options_.file, ": issuer ", issuer.name,
                                        ": ", status.message()));
        }
      }
      next->keys.push_back(std::move(keys));
    }
    {
      WriterLock lock(mutex_);
      current_ = std::move(next);
    }
    generation_.fetch_add(1, std::memory_order_acq_rel);
    return absl::OkStatus();
  };
  absl::Status status = load();
  good_.Set(status.ok() ? 1 : 0);
  (status.ok() ? loaded_ : failed_).Add();
  return status;
}

absl::StatusOr<HttpClient*> PolicyKeeper::ClientFor(
    const std::string& ca_file) {
  MutexLock lock(clients_mutex_);
  std::unique_ptr<HttpClient>& client = clients_[ca_file];
  if (client == nullptr) {
    VK_ASSIGN_OR_RETURN(client, make_client_(ca_file));
  }
  return client.get();
}

}  // namespace valetkey::callers

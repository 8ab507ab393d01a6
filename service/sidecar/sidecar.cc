#include "service/sidecar/sidecar.h"

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/async/reactor.h"
#include "service/base/listen_address.h"
#include "service/base/log.h"
#include "service/base/metrics.h"
#include "service/base/mutex.h"
#include "service/base/status.h"
#include "service/net/http/http_server.h"
#include "service/sidecar/token_files.h"
#include "service/sidecar/weather.h"
#include "valetkey/client.h"
#include "valetkey/error.h"

namespace valetkey::sidecar {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(250);
// How often the connections with the labels to be kept warm are looked up.
constexpr absl::Duration kLookUp = absl::Minutes(1);
constexpr absl::Duration kLookUpAgain = absl::Seconds(5);

std::string Told(const absl::Status& status) {
  const client::Error error = client::GetError(status);
  return absl::StrCat(error.reason.empty()
                          ? absl::StatusCodeToString(status.code())
                          : error.reason,
                      ": ", status.message());
}

Task<void> Answer(ServerRequest, ResponseWriter& writer, bool well) {
  (void)co_await writer.Send(
      PlainResponse(well ? 200 : 503, well ? "ok\n" : "stopping\n"));
}

}  // namespace

struct Sidecar::Impl {
  explicit Impl(SidecarOptions given) : options(std::move(given)) {}

  absl::Status Connect();
  absl::Status StartHealth();
  absl::Status StartDoors();
  void Run();
  void LookUpWarm();
  void UpdateFiles();
  // For so long, or until Stop; false after that.
  bool Wait(absl::Duration time) {
    MutexLock lock(mutex);
    if (!stopping) changed.WaitFor(mutex, absl::ToChronoNanoseconds(time));
    return !stopping;
  }
  bool IsStopping() {
    MutexLock lock(mutex);
    return stopping;
  }
  Task<void> ServeMetrics(ServerRequest, ResponseWriter& writer);

  const SidecarOptions options;
  Metrics metrics;
  // Outlives the client, whose callbacks come back to it.
  std::optional<ReactorPool> door_reactors;
  std::optional<client::Client> client;
  std::optional<TokenCache> cache;
  std::vector<std::unique_ptr<TokenFiles>> files;
  std::vector<int> ports;
  std::optional<SocketServer> server;
  std::unique_ptr<HttpStreamClient> providers;
  std::vector<std::unique_ptr<EgressDoor>> doors;
  std::optional<ReactorPool> reactors;
  std::optional<HttpServer> health;

  Mutex mutex;
  CondVar changed;
  bool stopping VK_GUARDED_BY(mutex) = false;
  std::thread ticker;
  std::thread warmer;
};

absl::Status Sidecar::Impl::Connect() {
  auto made = client::Client::Create(options.upstream);
  if (!made.ok()) return made.status();
  client.emplace(*std::move(made));
  cache.emplace(*client, options.cache);
  for (const std::string& name : options.warm) {
    const auto source = cache->Pin(name);
    if (!source.ok()) return source.status();
  }
  for (const FileOption& file : options.files) {
    auto source = cache->Pin(file.connection);
    if (!source.ok()) return source.status();
    files.push_back(std::make_unique<TokenFiles>(
        *std::move(source),
        TokenFilesOptions{.path = file.path,
                          .mode = options.file_mode,
                          .allow_disk = options.files_on_disk}));
    VK_RETURN_IF_ERROR(files.back()->Prepare());
  }
  return absl::OkStatus();
}

absl::Status Sidecar::Impl::StartHealth() {
  VK_ASSIGN_OR_RETURN(const ListenAddress address,
                      ParseListenAddress(options.health_listen));
  HttpServerOptions http;
  http.address = address.is_unix ? "" : address.host;
  http.port = static_cast<std::uint16_t>(address.port);
  http.unix_path = address.path;
  reactors.emplace(1);
  health.emplace(*reactors, http);
  for (const char* path : {"/healthz", "/startupz"}) {
    health->Handle(path, [](ServerRequest request, ResponseWriter& writer) {
      return Answer(std::move(request), writer, true);
    });
  }
  health->Handle("/readyz",
                 [this](ServerRequest request, ResponseWriter& writer) {
                   return Answer(std::move(request), writer, !IsStopping());
                 });
  health->Handle("/metrics",
                 [this](ServerRequest request, ResponseWriter& writer) {
                   return ServeMetrics(std::move(request), writer);
                 });
  return health->Start();
}

absl::Status Sidecar::Impl::StartDoors() {
  if (options.inject.doors.empty()) return absl::OkStatus();
  door_reactors.emplace(1);
  VK_ASSIGN_OR_RETURN(providers,
                      NewCurlStreamClient(*door_reactors, options.inject.http));
  for (const EgressDoorOptions& door : options.inject.doors) {
    doors.push_back(std::make_unique<EgressDoor>(
        *client, *cache, *providers, *door_reactors, metrics, door));
    VK_RETURN_IF_ERROR(doors.back()->Start());
  }
  return absl::OkStatus();
}

Task<void> Sidecar::Impl::ServeMetrics(ServerRequest, ResponseWriter& writer) {
  HttpResponse response = PlainResponse(200, metrics.Export());
  (void)co_await writer.Send(std::move(response));
}

void Sidecar::Impl::UpdateFiles() {
  for (const auto& one : files) {
    const absl::StatusOr<bool> updated = one->Update();
    if (!updated.ok()) {
      Log(LogLevel::kError, "token files could not be written",
          {{"path", one->path()}, {"error", updated.status()}});
      continue;
    }
    if (!*updated) continue;
    if (one->has_token()) {
      Log(LogLevel::kInfo, "token files written",
          {{"path", one->path()}, {"connection", one->source().name()}});
    } else {
      Log(LogLevel::kWarning, "there is no token for the files",
          {{"path", one->path()},
           {"connection", one->source().name()},
           {"reason", one->error()}});
    }
    if (const absl::Status told = Tell(options.on_change, one->path());
        !told.ok()) {
      Log(LogLevel::kWarning, "nobody could be told of new token files",
          {{"path", one->path()}, {"error", told}});
    }
  }
}

void Sidecar::Impl::Run() {
  do {
    cache->Tend();
    for (const auto& door : doors) door->Tend();
    UpdateFiles();
    if (!options.on_change.command.empty()) Reap();
  } while (Wait(kTick));
}

void Sidecar::Impl::LookUpWarm() {
  bool well = true;
  do {
    well = true;
    v1::ListConnectionsRequest request;
    for (const auto& [key, value] : options.warm_labels) {
      (*request.mutable_labels())[key] = value;
    }
    for (const auto& connection : client->WalkConnections(request)) {
      if (!connection.ok()) {
        well = false;
        if (!IsStopping()) {
          Log(LogLevel::kWarning, "connections could not be listed",
              {{"error", Told(connection.status())}});
        }
        break;
      }
      const auto source = cache->Pin(connection->name());
      if (source.ok() && !source->TryGet()) {
        source->Get({}, [](const absl::StatusOr<client::Token>&) {});
      }
    }
  } while (Wait(well ? kLookUp : kLookUpAgain));
}

Sidecar::Sidecar(SidecarOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

Sidecar::~Sidecar() { Stop(); }

absl::Status Sidecar::Start() {
  Impl& impl = *impl_;
  VK_RETURN_IF_ERROR(impl.Connect());
  Gauge& held = impl.metrics.GetGauge("valetkey_sidecar_tokens",
                                      "Tokens that are kept current");
  Gauge& silence =
      impl.metrics.GetGauge("valetkey_sidecar_watch_silence_seconds",
                            "Since the watch of events last said something");
  impl.metrics.AddCollector([&impl, &held, &silence] {
    held.Set(static_cast<double>(impl.cache->size()));
    silence.Set(absl::ToDoubleSeconds(impl.cache->silence()));
  });
  impl.server.emplace(*impl.client, *impl.cache, impl.metrics,
                      impl.options.socket);
  VK_ASSIGN_OR_RETURN(impl.ports, impl.server->Start());
  VK_RETURN_IF_ERROR(impl.StartDoors());
  if (!impl.options.health_listen.empty()) {
    VK_RETURN_IF_ERROR(impl.StartHealth());
  }
  for (const std::string& name : impl.options.warm) {
    impl.cache->Pin(name)->Get({}, [](const absl::StatusOr<client::Token>&) {});
  }
  impl.ticker = std::thread([&impl] { impl.Run(); });
  if (!impl.options.warm_labels.empty()) {
    impl.warmer = std::thread([&impl] { impl.LookUpWarm(); });
  }
  return absl::OkStatus();
}

const std::vector<int>& Sidecar::ports() const { return impl_->ports; }
std::vector<int> Sidecar::door_ports() const {
  std::vector<int> ports;
  for (const auto& door : impl_->doors) ports.push_back(door->port());
  return ports;
}
int Sidecar::health_port() const {
  return impl_->health ? impl_->health->port() : 0;
}

absl::Status Sidecar::Init(absl::Duration timeout) {
  Impl& impl = *impl_;
  VK_RETURN_IF_ERROR(impl.Connect());
  std::vector<client::TokenSource> sources;
  for (const std::string& name : impl.options.warm) {
    sources.push_back(*impl.cache->Pin(name));
  }
  for (const auto& one : impl.files) sources.push_back(one->source());
  const absl::Time deadline = absl::Now() + timeout;
  for (const client::TokenSource& source : sources) {
    for (;;) {
      client::CallOptions call;
      call.timeout = std::clamp(deadline - absl::Now(), absl::Milliseconds(1),
                                absl::Duration(absl::Seconds(10)));
      const absl::StatusOr<client::Token> token = source.Get(call);
      if (token.ok()) break;
      if (!IsWeather(token.status()) || absl::Now() >= deadline) {
        return absl::Status(
            token.status().code(),
            absl::StrCat(source.name(), ": ", Told(token.status())));
      }
      Log(LogLevel::kInfo, "waiting for the first token",
          {{"connection", source.name()}, {"error", Told(token.status())}});
      absl::SleepFor(kTick);
    }
  }
  for (const auto& one : impl.files) {
    const absl::StatusOr<bool> updated = one->Update();
    if (!updated.ok()) return updated.status();
  }
  return absl::OkStatus();
}

void Sidecar::Stop() {
  Impl& impl = *impl_;
  {
    MutexLock lock(impl.mutex);
    impl.stopping = true;
    impl.changed.SignalAll();
  }
  // One grace for all of them.
  const absl::Time deadline = absl::Now() + impl.options.shutdown_grace;
  if (impl.server) impl.server->Shutdown(deadline);
  for (const auto& door : impl.doors) {
    door->Stop(std::max(deadline - absl::Now(), absl::ZeroDuration()));
  }
  // Ends what waits for the server.
  if (impl.client) impl.client->Close();
  for (std::thread* thread : {&impl.ticker, &impl.warmer}) {
    if (thread->joinable()) thread->join();
  }
  if (impl.health) impl.health->Shutdown(absl::Seconds(1));
}

}  // namespace valetkey::sidecar

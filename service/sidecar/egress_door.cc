#include "service/sidecar/egress_door.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/async/promise.h"
#include "service/base/listen_address.h"
#include "service/base/log.h"
#include "service/base/mutex.h"
#include "service/base/status.h"
#include "service/net/http/http_server.h"
#include "service/sidecar/egress_passage.h"
#include "service/sidecar/egress_rules.h"
#include "service/sidecar/weather.h"
#include "valetkey/error.h"

namespace valetkey::sidecar {
namespace {

using client::Token;

constexpr absl::Duration kLookUp = absl::Minutes(1);
constexpr absl::Duration kLookUpAgain = absl::Seconds(1);
// A provider that refuses a token that has just come refuses something else:
// for so long its 401s bring no more of them.
constexpr absl::Duration kNoNewToken = absl::Minutes(1);
// How long the server is asked where memory may do as well a moment later.
constexpr absl::Duration kAskBesideMemory = absl::Seconds(2);

struct Failure {
  int status = 502;
  std::string reason;
  std::string message;
};

HttpResponse Shown(const Failure& failure) {
  HttpResponse response;
  response.status = failure.status;
  response.headers.Add("Content-Type", "application/json");
  response.headers.Add("ValetKey-Error", failure.reason);
  if (failure.status == 503) response.headers.Add("Retry-After", "1");
  if (failure.status == 405) {
    response.headers.Add("Allow",
                         "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  }
  const nlohmann::json body = {
      {"error", {{"reason", failure.reason}, {"message", failure.message}}}};
  response.body = absl::StrCat(
      body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
      "\n");
  return response;
}

Failure NoToken(const absl::Status& status) {
  const client::Error error = client::GetError(status);
  Failure failure;
  failure.reason = error.reason.empty() ? "TOKEN_UNAVAILABLE" : error.reason;
  failure.message = absl::StrCat("there is no token: ", status.message());
  if (IsWeather(status)) failure.status = 503;
  return failure;
}

// The caller's body did not come whole.
Failure BrokenOff(const absl::Status& status) {
  return {absl::IsInvalidArgument(status) ? 400 : 408, "BODY_BROKEN_OFF",
          std::string(status.message())};
}

// Where the API is found, as far as the server has told. Outlives a door for
// as long as a call is under way.
struct Whereabouts {
  Mutex mutex;
  std::optional<EgressTarget> target VK_GUARDED_BY(mutex);
  // Why there is none.
  Failure failure VK_GUARDED_BY(mutex);
  bool asking VK_GUARDED_BY(mutex) = false;
  absl::Time next VK_GUARDED_BY(mutex) = absl::InfinitePast();
};

void Take(Whereabouts& where, const std::string& connection,
          const absl::StatusOr<v1::GetConnectionResponse>& answer) {
  MutexLock lock(where.mutex);
  where.asking = false;
  where.next = absl::Now() + (answer.ok() ? kLookUp : kLookUpAgain);
  if (!answer.ok()) {
    // What was known stays.
    where.failure = NoToken(answer.status());
    where.failure.message = absl::StrCat(
        "the server could not be asked where "
        "the API is found: ",
        answer.status().message());
    return;
  }
  const std::string& url = answer->connection().api_base_url();
  auto target = TargetOf(url);
  if (target.ok()) {
    if (!where.target || where.target->origin != target->origin) {
      Log(LogLevel::kInfo, "egress door leads to a provider's API",
          {{"connection", connection}, {"origin", target->origin}});
    }
    where.target = *std::move(target);
    return;
  }
  where.target.reset();
  where.failure = {502, "TARGET_UNKNOWN",
                   "the provider's definition does not say where its API is "
                   "found: set its api_base_url"};
}

}  // namespace

struct EgressDoor::Impl : std::enable_shared_from_this<EgressDoor::Impl> {
  Impl(client::Client& client_in, TokenCache& cache_in,
       HttpStreamClient& http_in, ReactorPool& pool_in, Metrics& metrics,
       EgressDoorOptions given)
      : client(client_in),
        cache(cache_in),
        http(http_in),
        pool(pool_in),
        options(std::move(given)),
        passed(Result(metrics, "passed")),
        refused(Result(metrics, "refused")),
        failed(Result(metrics, "failed")),
        repeated(metrics.GetCounter(
            "valetkey_sidecar_egress_repeated_total",
            "Requests sent once more with a new token, after a 401")),
        cutter(pool_in.At(0).executor()) {}

  static Counter& Result(Metrics& metrics, const char* result) {
    return metrics.GetCounter("valetkey_sidecar_egress_requests_total",
                              "Requests at the egress doors, by what became "
                              "of them",
                              {{"result", result}});
  }

  static Task<void> Serve(std::shared_ptr<Impl> self, ServerRequest request,
                          RequestBody& body, ResponseWriter& writer);
  Task<void> Pass(ServerRequest request, RequestBody& body,
                  ResponseWriter& writer, EgressTarget target, Token token);
  // One of another generation than the rejected one, if that is not 0.
  Task<absl::StatusOr<Token>> FetchToken(std::int64_t rejected = 0);
  // Ends what is under way. On the reactor.
  void Cut();
  // Whether a 401 with this token is a reason to ask for another.
  bool Distrust(const Token& token);

  client::Client& client;
  TokenCache& cache;
  HttpStreamClient& http;
  ReactorPool& pool;
  const EgressDoorOptions options;
  Counter& passed;
  Counter& refused;
  Counter& failed;
  Counter& repeated;

  std::optional<client::TokenSource> source;
  const std::shared_ptr<Whereabouts> where = std::make_shared<Whereabouts>();
  std::optional<HttpServer> server;
  const client::Cancellation cut;

  // Used on the reactor only.
  asio::steady_timer cutter;
  std::set<EgressPassage*> under_way;
  std::int64_t distrusted = 0;  // the newest generation
  absl::Time no_new_token = absl::InfinitePast();
};

Task<absl::StatusOr<Token>> EgressDoor::Impl::FetchToken(
    std::int64_t rejected) {
  const bool current = cache.IsCurrent(source->name());
  if (current) {
    if (auto token = source->TryGet()) co_return *std::move(token);
  }
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto promise = std::make_shared<Promise<absl::StatusOr<Token>>>(executor);
  auto done = [executor, promise](absl::StatusOr<Token> token) mutable {
    asio::post(executor,
               [held = std::move(promise), token = std::move(token)]() mutable {
                 held->Set(std::move(token));
               });
  };
  if (current) {
    source->Get({}, std::move(done));
  } else {
    // The watch has been silent for too long to go by memory, or has only just
    // begun.
    v1::GetTokenRequest request;
    request.set_name(source->name());
    request.set_rejected_generation(rejected);
    client::CallOptions call;
    call.cancellation = cut;
    if (source->TryGet()) call.timeout = kAskBesideMemory;
    client.GetToken(request, call, std::move(done));
  }
  // The client's own time-out ends it.
  co_await WaitFor(promise, absl::InfiniteDuration());
  if (!promise->is_set()) co_return absl::CancelledError("the door is closing");
  const absl::StatusOr<Token>& asked = promise->value();
  if (!current && rejected == 0 && !asked.ok() && IsWeather(asked.status()) &&
      cache.IsCurrent(source->name())) {
    // It is current by now, and the server has gone.
    if (auto token = source->TryGet()) co_return *std::move(token);
  }
  co_return asked;
}

bool EgressDoor::Impl::Distrust(const Token& token) {
  if (token.generation() <= distrusted) return true;  // somebody has asked
  if (absl::Now() < no_new_token) return false;
  distrusted = token.generation();
  source->Invalidate(token.generation());
  return true;
}

Task<void> EgressDoor::Impl::Serve(std::shared_ptr<Impl> self,
                                   ServerRequest request, RequestBody& body,
                                   ResponseWriter& writer) {
  std::optional<EgressTarget> target;
  Failure failure;
  {
    MutexLock lock(self->where->mutex);
    target = self->where->target;
    failure = self->where->failure;
  }
  if (!target) {
    self->failed.Add();
    (void)co_await writer.Send(Shown(failure));
    co_return;
  }
  if (const auto refusal = Refuse(request, *target)) {
    self->refused.Add();
    (void)co_await writer.Send(
        Shown({refusal->status, "REQUEST_REFUSED", refusal->message}));
    co_return;
  }
  absl::StatusOr<Token> token = co_await self->FetchToken();
  if (!token.ok()) {
    self->failed.Add();
    (void)co_await writer.Send(Shown(NoToken(token.status())));
    co_return;
  }
  co_await self->Pass(std::move(request), body, writer, *std::move(target),
                      *std::move(token));
}

Task<void> EgressDoor::Impl::Pass(ServerRequest request, RequestBody& body,
                                  ResponseWriter& writer, EgressTarget target,
                                  Token token) {
  EgressPassage passage(http, request, body, target);
  under_way.insert(&passage);
  const absl::Cleanup leave = [&] { under_way.erase(&passage); };
  // Whoever has gone is not waited for. While the door closes what is under
  // way goes on, until Cut.
  writer.OnStop([&passage](StopReason reason) {
    if (reason == StopReason::kDisconnected) passage.Cancel();
  });
  absl::Status caller = co_await passage.KeepBody();
  if (!caller.ok()) {
    failed.Add();
    (void)co_await writer.Send(Shown(BrokenOff(caller)));
    co_return;
  }
  absl::StatusOr<HttpResponseHead> head =
      co_await passage.Send(token, options.silence, &caller);
  if (head.ok() && head->status == 401 && Distrust(token) &&
      passage.repeatable()) {
    const absl::StatusOr<Token> other = co_await FetchToken(token.generation());
    if (other.ok() && other->generation() > token.generation()) {
      repeated.Add();
      head = co_await passage.Send(*other, options.silence, &caller);
      if (head.ok() && head->status == 401) {
        no_new_token = absl::Now() + kNoNewToken;
      }
    }
  }
  if (head.ok()) {
    const bool whole = co_await passage.PassAnswer(*head, writer);
    (whole ? passed : failed).Add();
    co_return;
  }
  failed.Add();
  Failure failure = {502, "PROVIDER_UNAVAILABLE",
                     std::string(head.status().message())};
  if (!caller.ok()) failure = BrokenOff(caller);
  (void)co_await writer.Send(Shown(failure));
}

void EgressDoor::Impl::Cut() {
  client::Cancellation(cut).Cancel();
  source->Close();
  for (EgressPassage* const passage : under_way) passage->Cancel();
}

EgressDoor::EgressDoor(client::Client& client, TokenCache& cache,
                       HttpStreamClient& http, ReactorPool& pool,
                       Metrics& metrics, EgressDoorOptions options)
    : impl_(std::make_shared<Impl>(client, cache, http, pool, metrics,
                                   std::move(options))) {}

EgressDoor::~EgressDoor() { Stop(absl::ZeroDuration()); }

absl::Status EgressDoor::Start() {
  Impl& impl = *impl_;
  VK_ASSIGN_OR_RETURN(const ListenAddress address,
                      ParseListenAddress(impl.options.listen));
  VK_ASSIGN_OR_RETURN(impl.source, impl.cache.Pin(impl.options.connection));
  impl.source->Get({}, [](const absl::StatusOr<Token>&) {});
  {
    MutexLock lock(impl.where->mutex);
    impl.where->failure = {503, "TARGET_UNKNOWN",
                           "the server has not yet said where the API is "
                           "found"};
  }
  Tend();
  HttpServerOptions http;
  http.address = address.is_unix ? "" : address.host;
  http.port = static_cast<std::uint16_t>(address.port);
  http.unix_path = address.path;
  impl.server.emplace(impl.pool, http);
  impl.server->HandleStreaming(
      "", [&impl](ServerRequest request, RequestBody& body,
                  ResponseWriter& writer) {
        return Impl::Serve(impl.shared_from_this(), std::move(request), body,
                           writer);
      });
  return impl.server->Start();
}

int EgressDoor::port() const {
  return impl_->server ? impl_->server->port() : 0;
}

void EgressDoor::Tend() {
  const std::shared_ptr<Whereabouts> where = impl_->where;
  {
    MutexLock lock(where->mutex);
    if (where->asking || absl::Now() < where->next) return;
    where->asking = true;
  }
  v1::GetConnectionRequest request;
  request.set_name(impl_->source->name());
  impl_->client.GetConnection(
      request, {},
      [where, name = request.name()](
          const absl::StatusOr<v1::GetConnectionResponse>& answer) {
        Take(*where, name, answer);
      });
}

void EgressDoor::Stop(absl::Duration grace) {
  if (!impl_->server) return;
  // What has not ended by itself is ended while there is time to say so.
  const asio::any_io_executor executor = impl_->pool.At(0).executor();
  asio::post(executor, [impl = impl_, grace] {
    impl->cutter.expires_after(absl::ToChronoMilliseconds(grace * 0.8));
    impl->cutter.async_wait([impl](boost::system::error_code error) {
      if (!error) impl->Cut();
    });
  });
  impl_->server->Shutdown(grace);
  asio::post(executor, [impl = impl_] { impl->cutter.cancel(); });
}

}  // namespace valetkey::sidecar

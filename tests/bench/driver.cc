#include "tests/bench/driver.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>

#include "valetkey/v1/token_service.grpc.pb.h"

namespace valetkey::bench {
namespace {

using Clock = std::chrono::steady_clock;

class Driver {
 public:
  explicit Driver(const Load& load) : load_(load) {
    for (int i = 0; i < load.channels; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      stubs_.push_back(v1::TokenService::NewStub(grpc::CreateCustomChannel(
          load.address, grpc::InsecureChannelCredentials(), arguments)));
    }
    latencies_.resize(load.calls);
  }

  Measured Run() {
    const Clock::time_point began = Clock::now();
    running_ = load_.outstanding;
    for (int i = 0; i < load_.outstanding; ++i) {
      calls_.push_back(std::make_unique<Call>());
      calls_.back()->stub = stubs_[i % stubs_.size()].get();
    }
    for (auto& call : calls_) Next(*call);
    {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [this] { return running_ == 0; });
    }
    const std::chrono::duration<double> took = Clock::now() - began;
    std::sort(latencies_.begin(), latencies_.end());
    return {.per_second = load_.calls / took.count(),
            .p50_us = latencies_[latencies_.size() / 2],
            .p99_us = latencies_[latencies_.size() * 99 / 100],
            .failed = failed_};
  }

 private:
  struct Call {
    v1::TokenService::Stub* stub = nullptr;
    std::unique_ptr<grpc::ClientContext> context;
    v1::GetTokenRequest request;
    v1::GetTokenResponse response;
    Clock::time_point began;
    int number = 0;
  };

  void Next(Call& call) {
    call.number = next_.fetch_add(1);
    if (call.number >= load_.calls) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (--running_ == 0) done_.notify_all();
      return;
    }
    call.context = std::make_unique<grpc::ClientContext>();
    if (!load_.authorization.empty()) {
      call.context->AddMetadata("authorization", load_.authorization);
    }
    call.request.set_name(load_.names[call.number % load_.names.size()]);
    call.began = Clock::now();
    call.stub->async()->GetToken(
        call.context.get(), &call.request, &call.response,
        [this, &call](const grpc::Status& status) {
          const std::chrono::duration<double, std::micro> took =
              Clock::now() - call.began;
          latencies_[call.number] = took.count();
          if (!status.ok() && failed_.fetch_add(1) == 0) {
            std::fprintf(stderr, "a call failed: %d %s\n",
                         static_cast<int>(status.error_code()),
                         status.error_message().c_str());
          }
          Next(call);
        });
  }

  const Load& load_;
  std::vector<std::unique_ptr<v1::TokenService::Stub>> stubs_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<double> latencies_;
  std::atomic<int> next_{0};
  std::atomic<int> failed_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  int running_ = 0;
};

}  // namespace

Measured Run(const Load& load) { return Driver(load).Run(); }

}  // namespace valetkey::bench

#include "service/web/failure_limiter.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace valetkey::web {
namespace {

std::string AddressOf(absl::string_view peer) {
  absl::string_view host = peer.substr(0, peer.rfind(':'));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  if (error || !address.is_v6() || address.to_v6().is_v4_mapped()) {
    return std::string(host);
  }
  const auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

}  // namespace

absl::Duration FailureLimiter::Wait(absl::string_view peer) {
  const absl::Time now = clock_.Now();
  MutexLock lock(mutex_);
  const auto it = forgiven_.find(AddressOf(peer));
  if (it == forgiven_.end()) return absl::ZeroDuration();
  const absl::Time next =
      it->second - options_.interval * (options_.free_failures - 1);
  return std::max(next - now, absl::ZeroDuration());
}

void FailureLimiter::Failed(absl::string_view peer) {
  const absl::Time now = clock_.Now();
  std::string address = AddressOf(peer);
  MutexLock lock(mutex_);
  if (forgiven_.size() >= options_.max_addresses &&
      !forgiven_.contains(address)) {
    absl::erase_if(forgiven_,
                   [now](const auto& item) { return item.second <= now; });
    if (forgiven_.size() >= options_.max_addresses) forgiven_.clear();
  }
  absl::Time& forgiven = forgiven_[std::move(address)];
  forgiven = std::max(forgiven, now) + options_.interval;
}

}  // namespace valetkey::web

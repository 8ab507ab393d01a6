// When tokens are renewed ahead of time.

#include <algorithm>

#include "service/oauth/oauth.h"

namespace valetkey::oauth {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace

std::optional<absl::Time> SoftLimit(const Definition& definition,
                                    absl::Time issue_time,
                                    std::optional<absl::Time> expire_time,
                                    bool refreshable, double unit) {
  if (!refreshable || !expire_time.has_value() ||
      definition.refresh().kind() == REFRESH_KIND_NONE) {
    return std::nullopt;
  }
  const absl::Duration life = *expire_time - issue_time;
  if (life <= absl::ZeroDuration()) return issue_time;
  absl::Time limit =
      issue_time + life * (0.8 - 0.1 * std::clamp(unit, 0.0, 1.0));
  const Refresh& refresh = definition.refresh();
  if (refresh.has_window()) {
    // A little into the window, for clocks that differ.
    const absl::Duration window =
        std::min(ToDuration(refresh.window()), life) * 0.9;
    limit = std::max(limit, *expire_time - window);
  }
  if (refresh.has_min_age()) {
    limit = std::max(limit, issue_time + ToDuration(refresh.min_age()));
  }
  return limit;
}

std::optional<absl::Time> KeepAliveLimit(
    const Definition& definition, absl::Time issue_time,
    std::optional<absl::Time> refresh_expire_time) {
  const Lifetimes& lifetimes = definition.lifetimes();
  const auto kind = definition.refresh().kind();
  if (kind == REFRESH_KIND_NONE || kind == REFRESH_KIND_ACCESS_TOKEN) {
    return std::nullopt;
  }
  // Where using the token does not prolong its life, there is nothing to do.
  if (!lifetimes.has_refresh_idle() &&
      (lifetimes.has_refresh_absolute() ||
       definition.refresh().rotation() == ROTATION_NEVER)) {
    return std::nullopt;
  }
  std::optional<absl::Time> end = refresh_expire_time;
  if (lifetimes.has_refresh_idle()) {
    const absl::Time idle_end =
        issue_time + ToDuration(lifetimes.refresh_idle());
    end = end.has_value() ? std::min(*end, idle_end) : idle_end;
  }
  if (!end.has_value()) return std::nullopt;
  const absl::Duration life = std::max(*end - issue_time, absl::ZeroDuration());
  absl::Duration before = lifetimes.has_keepalive_before()
                              ? ToDuration(lifetimes.keepalive_before())
                              : life / 5;
  // Where the end came nearer than the definition thought.
  before = std::min(before, life / 2);
  return *end - before;
}

}  // namespace valetkey::oauth

// The contract of service/store/store.h as tests, run on every implementation.
// A test binary compiles store_contract_*.cc and store_random_test.cc, and
// names the implementation:
//
//   INSTANTIATE_TEST_SUITE_P(Fake, StoreContract, testing::Values(
//       StoreFactory{[](const Clock& clock) { return ...; }}));

#ifndef VALETKEY_STORE_STORE_CONTRACT_TEST_H_
#define VALETKEY_STORE_STORE_CONTRACT_TEST_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "service/base/clock.h"
#include "service/base/status.h"
#include "service/store/run_sync.h"
#include "service/store/store.h"

namespace valetkey::store {

struct StoreFactory {
  // A new, empty store; what it keeps itself in goes with it.
  std::function<std::shared_ptr<Store>(const Clock& clock)> make;
};

inline absl::Time TestStart() { return absl::FromUnixSeconds(1'700'000'000); }

inline std::string AppName(absl::string_view id) {
  return absl::StrCat("applications/", id);
}
inline std::string ProviderName(absl::string_view app, absl::string_view id) {
  return absl::StrCat("applications/", app, "/providers/", id);
}
inline std::string ConnectionName(absl::string_view app, absl::string_view id) {
  return absl::StrCat("applications/", app, "/connections/", id);
}

inline RowKeys ApplicationKey(std::string name) {
  RowKeys keys;
  keys.application = std::move(name);
  return keys;
}
inline RowKeys KeyKey(std::string name) {
  RowKeys keys;
  keys.key = std::move(name);
  return keys;
}
inline RowKeys ProviderKey(std::string name) {
  RowKeys keys;
  keys.provider = std::move(name);
  return keys;
}
inline RowKeys AuthorizationKey(std::string name) {
  RowKeys keys;
  keys.authorization = std::move(name);
  return keys;
}
inline RowKeys ConnectionKey(std::string name) {
  RowKeys keys;
  keys.connection = std::move(name);
  return keys;
}

inline RowKeys DefinitionKey(std::string name) {
  RowKeys keys;
  keys.definition = std::move(name);
  return keys;
}

inline Event MakeEvent(absl::string_view app, absl::string_view connection,
                       EventType type = EventType::kUpdated) {
  Event event;
  event.type = type;
  event.application = AppName(app);
  event.connection = ConnectionName(app, connection);
  return event;
}

class StoreContract : public testing::TestWithParam<StoreFactory> {
 protected:
  StoreContract() : clock_(TestStart()), store_(GetParam().make(clock_)) {}

  absl::StatusOr<Rows> Update(RowKeys keys, Change change) {
    return RunSync(store_->Update(std::move(keys), std::move(change)));
  }
  absl::Status AddApplication(const std::string& id);
  absl::Status AddProvider(const std::string& app, const std::string& id);
  absl::Status AddKey(const std::string& app, const std::string& id,
                      const std::string& digest);
  absl::Status AddAuthorization(
      const std::string& id, const std::string& app,
      const std::string& provider, const std::string& connection,
      AuthorizationStatus status = AuthorizationStatus::kPending,
      absl::Duration lifetime = absl::Minutes(10));
  absl::Status AddConnection(const std::string& app, const std::string& id,
                             const std::string& provider,
                             std::function<void(Connection&)> fill = nullptr);
  // Deletes all that the keys name.
  absl::Status Delete(RowKeys keys);
  absl::Status AddEvents(const std::string& app, int count);
  // An application "a" with a provider "p".
  void AddBasics();

  absl::StatusOr<std::vector<std::string>> ListNames(
      const ConnectionFilter& filter, int page_size = 100);
  std::vector<std::int64_t> Sequences(std::int64_t after, int limit,
                                      std::string application = "");
  EventRange Range();

  FakeClock clock_;
  std::shared_ptr<Store> store_;
};

}  // namespace valetkey::store

#endif  // VALETKEY_STORE_STORE_CONTRACT_TEST_H_

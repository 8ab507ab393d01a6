#include "service/broker/authenticator.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "service/async/reactor.h"
#include "service/base/crypto.h"
#include "service/base/status.h"
#include "service/store/fake_store.h"

namespace valetkey::broker {
namespace {

using CallerOr = absl::StatusOr<std::shared_ptr<const Caller>>;

class AuthenticatorTest : public testing::Test {
 protected:
  static constexpr char kApplication[] = "applications/shop";

  static std::string Secret(absl::string_view tail) {
    return absl::StrCat("vk_", std::string(43 - tail.size(), 'A'), tail);
  }
  static std::string Header(absl::string_view tail) {
    return absl::StrCat("Bearer ", Secret(tail));
  }
  static std::string Name(absl::string_view tail) {
    return absl::StrCat(kApplication, "/keys/k-", tail);
  }

  // Makes the key, or changes it.
  void Change(absl::string_view tail,
              const std::function<void(store::ApiKey&)>& change) {
    store::RowKeys keys;
    keys.application = kApplication;
    keys.key = Name(tail);
    const auto rows = store_.UpdateNow(keys, [&](store::Rows& rows) {
      if (!rows.application) {
        rows.application.emplace();
        rows.application->name = kApplication;
      }
      if (!rows.key) {
        rows.key.emplace();
        rows.key->name = Name(tail);
        rows.key->application = kApplication;
        rows.key->digest = Sha256(Secret(tail));
        rows.key->rights = store::kReadTokens;
      }
      change(*rows.key);
      return absl::OkStatus();
    });
    ASSERT_TRUE(rows.ok()) << rows.status();
  }
  void Make(absl::string_view tail) {
    Change(tail, [](store::ApiKey&) {});
  }

  template <class T>
  T Run(Task<T> task) {
    return asio::co_spawn(reactor_.executor(), std::move(task),
                          asio::use_future)
        .get();
  }
  CallerOr Authenticate(const std::string& header) {
    return Run(authenticator_.Authenticate(header));
  }
  // As the RPC layer does.
  CallerOr Admit(const std::string& header) {
    std::optional<CallerOr> known = authenticator_.TryAuthenticate(header);
    return known.has_value() ? *std::move(known) : Authenticate(header);
  }
  static Reason ReasonIn(const CallerOr& caller) {
    return caller.ok() ? Reason::kNone : ReasonOf(caller.status());
  }

  // Revokes the key "a" while it is being looked up.
  Task<void> ForgetDuring(std::string) {
    authenticator_.Forget(Sha256(Secret("a")));
    co_return;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  store::FakeStore store_{clock_};
  Authenticator authenticator_{store_, clock_, {}};
  Reactor reactor_{0};
};

TEST_F(AuthenticatorTest, FindsAKeyAndRemembersIt) {
  Make("a");
  EXPECT_FALSE(authenticator_.TryAuthenticate(Header("a")).has_value());
  const CallerOr caller = Authenticate(Header("a"));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->application, kApplication);
  EXPECT_EQ((*caller)->key, Name("a"));
  EXPECT_TRUE((*caller)->Has(store::kReadTokens));
  EXPECT_FALSE((*caller)->Has(store::kAdminister));
  store_.SetDown(true);
  const auto known = authenticator_.TryAuthenticate(Header("a"));
  ASSERT_TRUE(known.has_value());
  EXPECT_TRUE(known->ok());
}

TEST_F(AuthenticatorTest, TheSchemeIsNotCaseSensitive) {
  Make("a");
  EXPECT_TRUE(Admit(absl::StrCat("bEARER ", Secret("a"))).ok());
}

TEST_F(AuthenticatorTest, WhatIsNoKeyIsRefusedWithoutTheStore) {
  Make("a");
  store_.SetDown(true);
  EXPECT_EQ(ReasonIn(*authenticator_.TryAuthenticate("")),
            Reason::kApiKeyMissing);
  for (const std::string& bad :
       {std::string("Bearer"), std::string("Bearer "), Secret("a"),
        absl::StrCat("Basic  ", Secret("a")), absl::StrCat(Header("a"), "A"),
        Header("a").substr(0, 52), absl::StrCat("Bearer  ", Secret("a")),
        absl::StrCat("Bearer VK_", Secret("a").substr(3)), Header("=="),
        Header("a+"), Header(absl::string_view("\0", 1)),
        std::string(100'000, 'x')}) {
    const auto answer = authenticator_.TryAuthenticate(bad);
    ASSERT_TRUE(answer.has_value()) << bad.size();
    EXPECT_EQ(ReasonIn(*answer), Reason::kApiKeyInvalid) << bad.size();
    EXPECT_EQ(ReasonIn(Authenticate(bad)), Reason::kApiKeyInvalid);
  }
}

TEST_F(AuthenticatorTest, UnknownKeysAreRememberedForAMomentOnly) {
  EXPECT_EQ(ReasonIn(Admit(Header("late"))), Reason::kApiKeyInvalid);
  Make("late");
  EXPECT_EQ(ReasonIn(Admit(Header("late"))), Reason::kApiKeyInvalid);
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Admit(Header("late")).ok());
}

TEST_F(AuthenticatorTest, RevokedHereIsForgottenAtOnce) {
  Make("a");
  ASSERT_TRUE(Admit(Header("a")).ok());
  Change("a", [&](store::ApiKey& key) { key.revoke_time = clock_.Now(); });
  authenticator_.Forget(Sha256(Secret("a")));
  EXPECT_EQ(ReasonIn(Admit(Header("a"))), Reason::kApiKeyInvalid);
  authenticator_.Forget("no digest");
}

TEST_F(AuthenticatorTest, RevokedElsewhereIsForgottenInTime) {
  Make("a");
  ASSERT_TRUE(Admit(Header("a")).ok());
  Change("a", [&](store::ApiKey& key) { key.revoke_time = clock_.Now(); });
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(ReasonIn(Admit(Header("a"))), Reason::kApiKeyInvalid);
}

TEST_F(AuthenticatorTest, ExpiryNeedsNoStore) {
  Change("a", [&](store::ApiKey& key) {
    key.expire_time = clock_.Now() + absl::Seconds(5);
  });
  ASSERT_TRUE(Admit(Header("a")).ok());
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(ReasonIn(*authenticator_.TryAuthenticate(Header("a"))),
            Reason::kApiKeyInvalid);
}

TEST_F(AuthenticatorTest, OneCallerRenewsABusyKeyAhead) {
  Make("a");
  ASSERT_TRUE(Admit(Header("a")).ok());
  clock_.Advance(absl::Seconds(25));
  EXPECT_FALSE(authenticator_.TryAuthenticate(Header("a")).has_value());
  // The others go on meanwhile.
  EXPECT_TRUE(authenticator_.TryAuthenticate(Header("a")).has_value());
  ASSERT_TRUE(Authenticate(Header("a")).ok());
  clock_.Advance(absl::Seconds(15));
  EXPECT_TRUE(authenticator_.TryAuthenticate(Header("a")).has_value());
}

TEST_F(AuthenticatorTest, AKnownKeyOutlivesTheStoreForTenMinutes) {
  Make("a");
  ASSERT_TRUE(Admit(Header("a")).ok());
  store_.SetDown(true);
  EXPECT_EQ(ReasonIn(Admit(Header("unknown"))), Reason::kStoreUnavailable);
  for (int second = 0; second < 600; ++second) {
    ASSERT_TRUE(Admit(Header("a")).ok()) << second;
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(ReasonIn(Admit(Header("a"))), Reason::kStoreUnavailable);
  store_.SetDown(false);
  EXPECT_TRUE(Admit(Header("a")).ok());
}

TEST_F(AuthenticatorTest, ALookupUnderWayDoesNotBringARevokedKeyBack) {
  Make("a");
  store_.SetHook(
      [this](std::string call) { return ForgetDuring(std::move(call)); });
  (void)Authenticate(Header("a"));
  store_.SetHook(nullptr);
  EXPECT_FALSE(authenticator_.TryAuthenticate(Header("a")).has_value());
}

TEST_F(AuthenticatorTest, LastUseIsWrittenOnce) {
  Make("a");
  ASSERT_TRUE(Admit(Header("a")).ok());
  Run(authenticator_.FlushLastUse());
  const auto found = Run(store_.FindKey(Sha256(Secret("a"))));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->last_use_time, clock_.Now());
  const int updates = store_.updates();
  Run(authenticator_.FlushLastUse());
  EXPECT_EQ(store_.updates(), updates);
}

TEST_F(AuthenticatorTest, MemoryIsBounded) {
  AuthenticatorOptions options;
  options.max_keys = 64;
  Authenticator small(store_, clock_, options);
  Make("a");
  for (int i = 0; i < 1000; ++i) {
    (void)Run(small.Authenticate(Header(absl::StrCat("x", i))));
  }
  EXPECT_TRUE(Run(small.Authenticate(Header("a"))).ok());
  int remembered = 0;
  for (int i = 0; i < 1000; ++i) {
    if (small.TryAuthenticate(Header(absl::StrCat("x", i))).has_value()) {
      ++remembered;
    }
  }
  EXPECT_LE(remembered, 80);
}

TEST_F(AuthenticatorTest, ThreadsAtOnce) {
  Make("a");
  ASSERT_TRUE(Admit(Header("a")).ok());
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) (void)authenticator_.TryAuthenticate(Header("a"));
    });
  }
  for (int i = 0; i < 200; ++i) {
    authenticator_.Forget(Sha256(Secret("a")));
    EXPECT_TRUE(Authenticate(Header("a")).ok());
    clock_.Advance(absl::Seconds(1));
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace valetkey::broker

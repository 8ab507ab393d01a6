#include "service/cache/memory_cache.h"

#include <malloc.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VK_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VK_TEST_SANITIZED 1
#endif
#endif

namespace valetkey::cache {
namespace {

constexpr char kName[] = "applications/shop/connections/c-7";

std::shared_ptr<CachedConnection> Entry(
    std::int64_t revision, std::int64_t generation,
    CachedState state = CachedState::kActive) {
  auto entry = std::make_shared<CachedConnection>();
  entry->provider = "applications/shop/providers/pinterest";
  entry->revision = revision;
  entry->generation = generation;
  entry->state = state;
  if (state == CachedState::kActive) {
    CachedToken token;
    token.access_token = SecretString(absl::StrCat("token-", generation));
    entry->tokens.push_back(std::move(token));
  }
  return entry;
}

std::string NumberedName(int number) {
  return absl::StrCat("applications/shop/connections/c-", number);
}

TEST(CachedConnectionTest, FindsTokensByName) {
  CachedConnection connection;
  EXPECT_EQ(connection.Find(""), nullptr);
  connection.tokens.resize(2);
  connection.tokens[1].name = "user";
  EXPECT_EQ(connection.Find(""), &connection.tokens[0]);
  EXPECT_EQ(connection.Find("user"), &connection.tokens[1]);
  EXPECT_EQ(connection.Find("use"), nullptr);
}

TEST(MemoryCacheTest, FindsWhatWasPut) {
  MemoryCache cache({});
  EXPECT_EQ(cache.Find(kName), nullptr);
  EXPECT_EQ(cache.size(), 0u);
  const auto entry = Entry(1, 1);
  EXPECT_EQ(cache.Put(kName, entry), entry);
  EXPECT_EQ(cache.Find(kName), entry);
  EXPECT_EQ(cache.Find("applications/shop/connections/c-70"), nullptr);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(MemoryCacheTest, OlderRevisionsDoNotComeBack) {
  MemoryCache cache({});
  const auto second = Entry(2, 2);
  cache.Put(kName, second);
  EXPECT_EQ(cache.Put(kName, Entry(1, 1)), second);
  EXPECT_EQ(cache.Find(kName), second);
  // A read of the same revision brings nothing older.
  const auto again = Entry(2, 2);
  EXPECT_EQ(cache.Put(kName, again), again);
  // A later state of the same generation counts.
  const auto dead = Entry(3, 2, CachedState::kReauthorizationRequired);
  EXPECT_EQ(cache.Put(kName, dead), dead);
  EXPECT_EQ(cache.Put(kName, Entry(2, 2)), dead);
  EXPECT_EQ(cache.Find(kName), dead);
}

TEST(MemoryCacheTest, TombstonesHoldAgainstSlowReaders) {
  for (const CachedState state :
       {CachedState::kRevoked, CachedState::kDeleted}) {
    MemoryCache cache({});
    cache.Put(kName, Entry(4, 2));
    const auto tombstone = Entry(5, 3, state);
    cache.Put(kName, tombstone);
    EXPECT_EQ(cache.Put(kName, Entry(4, 2)), tombstone);
    cache.DropAll();
    EXPECT_EQ(cache.Find(kName), tombstone);
    EXPECT_EQ(cache.Put(kName, Entry(4, 2)), tombstone);
    // A new consent is later than the revocation.
    const auto renewed = Entry(6, 4);
    EXPECT_EQ(cache.Put(kName, renewed), renewed);
  }
}

TEST(MemoryCacheTest, DropAllForgetsWhatMayBeOutOfDate) {
  MemoryCache cache({});
  cache.Put(NumberedName(1), Entry(1, 1));
  cache.Put(NumberedName(2),
            Entry(1, 1, CachedState::kReauthorizationRequired));
  cache.Put(NumberedName(3), Entry(1, 1, CachedState::kRevoked));
  cache.Put(NumberedName(4), Entry(1, 1, CachedState::kDeleted));
  cache.DropAll();
  EXPECT_EQ(cache.Find(NumberedName(1)), nullptr);
  EXPECT_EQ(cache.Find(NumberedName(2)), nullptr);
  EXPECT_NE(cache.Find(NumberedName(3)), nullptr);
  EXPECT_NE(cache.Find(NumberedName(4)), nullptr);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(MemoryCacheTest, DropsBelowAGeneration) {
  MemoryCache cache({});
  cache.Drop(kName, 1);
  const auto entry = Entry(9, 5);
  cache.Put(kName, entry);
  cache.Drop(kName, 4);
  cache.Drop(kName, 5);
  EXPECT_EQ(cache.Find(kName), entry);
  cache.Drop(kName, 6);
  EXPECT_EQ(cache.Find(kName), nullptr);
  cache.Put(kName, entry);
  cache.Drop(kName, 0);
  EXPECT_EQ(cache.Find(kName), nullptr);
}

TEST(MemoryCacheTest, UseIsCarriedOver) {
  MemoryCache cache({});
  const auto first = Entry(1, 1);
  first->last_use = 1000;
  cache.Put(kName, first);
  const auto second = Entry(2, 2);
  cache.Put(kName, second);
  EXPECT_EQ(second->last_use, 1000);
  const auto third = Entry(3, 3);
  third->last_use = 2000;
  cache.Put(kName, third);
  EXPECT_EQ(third->last_use, 2000);
}

TEST(MemoryCacheTest, ABackgroundRefreshIsOfAGeneration) {
  MemoryCache cache({});
  const auto first = Entry(1, 1);
  first->refresh_after = 77;
  cache.Put(kName, first);
  const auto labelled = Entry(2, 1);
  cache.Put(kName, labelled);
  EXPECT_EQ(labelled->refresh_after, 77);
  const auto refreshed = Entry(3, 2);
  cache.Put(kName, refreshed);
  EXPECT_EQ(refreshed->refresh_after, 0);
}

// Random operations against a map.
TEST(MemoryCacheTest, BehavesAsAMap) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  MemoryCache cache({});
  std::map<std::string, std::shared_ptr<const CachedConnection>> model;
  for (int step = 0; step < 20'000; ++step) {
    const std::string name = NumberedName(static_cast<int>(random() % 50));
    const std::int64_t number = static_cast<std::int64_t>(random() % 20);
    const auto at = model.find(name);
    switch (random() % 8) {
      case 0:
        cache.Drop(name, number);
        if (at != model.end() &&
            (number == 0 || at->second->generation < number)) {
          model.erase(at);
        }
        break;
      case 1:
        if (random() % 50 != 0) break;
        cache.DropAll();
        std::erase_if(model, [](const auto& item) {
          return item.second->state < CachedState::kRevoked;
        });
        break;
      case 2:
      case 3: {
        const auto found = cache.Find(name);
        ASSERT_EQ(found, at == model.end() ? nullptr : at->second);
        break;
      }
      default: {
        const auto entry =
            Entry(number, number / 2, static_cast<CachedState>(random() % 4));
        const auto kept = cache.Put(name, entry);
        if (at == model.end() || at->second->revision <= number) {
          model[name] = entry;
        }
        ASSERT_EQ(kept, model[name]);
      }
    }
    ASSERT_EQ(cache.size(), model.size());
  }
}

TEST(MemoryCacheTest, NeverHoldsMoreThanItMay) {
  for (const std::size_t bound : {std::size_t{64}, std::size_t{6400}}) {
    MemoryCache cache({.max_entries = bound});
    for (int i = 0; i < static_cast<int>(bound) * 4; ++i) {
      const auto entry = Entry(1, 1);
      entry->last_use = i;
      EXPECT_EQ(cache.Put(NumberedName(i), entry), entry);
      ASSERT_LE(cache.size(), bound);
    }
    // Names spread evenly enough that no shard stays much below its share.
    EXPECT_GT(cache.size(), bound * 9 / 10);
  }
}

// An entry that nobody has used yet must survive its own arrival, or a full
// cache would never take a new connection in.
TEST(MemoryCacheTest, ANewcomerIsNotTheOneToGo) {
  MemoryCache cache({.max_entries = 640});
  for (int i = 0; i < 10'000; ++i) {
    const auto entry = Entry(1, 1);
    entry->last_use = i < 5000 ? 1'000'000 : 0;
    cache.Put(NumberedName(i), entry);
    ASSERT_EQ(cache.Find(NumberedName(i)), entry) << i;
  }
}

TEST(MemoryCacheTest, WhatWasNotUsedLatelyGoesFirst) {
  constexpr int kBound = 6400;
  constexpr int kInUse = 500;
  constexpr int kPasses = 20;
  MemoryCache cache({.max_entries = kBound});
  std::vector<std::shared_ptr<CachedConnection>> in_use;
  for (int i = 0; i < kInUse; ++i) {
    in_use.push_back(Entry(1, 1));
    cache.Put(NumberedName(i), in_use.back());
  }
  int now = 1;
  for (int i = 0; i < kBound * kPasses; ++i, ++now) {
    if (i % 100 == 0) {
      for (const auto& entry : in_use) entry->last_use = now;
    }
    const auto entry = Entry(1, 1);
    entry->last_use = now;
    cache.Put(NumberedName(kInUse + i), entry);
  }
  int kept = 0;
  for (int i = 0; i < kInUse; ++i) {
    kept += cache.Find(NumberedName(i)) != nullptr ? 1 : 0;
  }
  EXPECT_GE(kept, kInUse * 99 / 100);
  // Of the others the young ones are left: a perfect list would keep none
  // that is older than one pass, a sample of 16 some of up to a few.
  int old_ones = 0;
  for (int i = 0; i < kBound * (kPasses - 5); ++i) {
    old_ones += cache.Find(NumberedName(kInUse + i)) != nullptr ? 1 : 0;
  }
  EXPECT_LE(old_ones, kBound / 100);
}

// Thread sanitizer is half of this test. The other half: no reader ever sees
// a revision go back.
TEST(MemoryCacheTest, ReadersAndWritersAtOnce) {
  constexpr int kNames = 16;
  constexpr int kRounds = 3000;
  MemoryCache cache({.max_entries = 256});
  std::atomic<bool> stop{false};
  std::atomic<int> went_back{0};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&cache, writer] {
      for (int i = 0; i < kRounds; ++i) {
        for (int n = 0; n < kNames; ++n) {
          cache.Put(NumberedName(n), Entry(i, i));
        }
        // Others come and go.
        cache.Put(NumberedName(1000 + writer * kRounds + i), Entry(1, 1));
        cache.Drop(NumberedName(1000 + writer * kRounds + i - 100), 0);
      }
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      std::vector<std::int64_t> seen(kNames, -1);
      while (!stop) {
        for (int n = 0; n < kNames; ++n) {
          const auto entry = cache.Find(NumberedName(n));
          if (entry == nullptr) continue;
          if (entry->revision < seen[n]) ++went_back;
          seen[n] = entry->revision;
          const CachedToken* token = entry->Find("");
          if (token == nullptr ||
              token->access_token.Reveal() !=
                  absl::StrCat("token-", entry->generation)) {
            ++torn;
          }
          entry->last_use.store(entry->revision, std::memory_order_relaxed);
          entry->refresh_after.store(entry->revision,
                                     std::memory_order_relaxed);
        }
        (void)cache.size();
      }
    });
  }
  threads[0].join();
  threads[1].join();
  stop = true;
  threads[2].join();
  threads[3].join();
  EXPECT_EQ(went_back, 0);
  EXPECT_EQ(torn, 0);
  for (int n = 0; n < kNames; ++n) {
    ASSERT_NE(cache.Find(NumberedName(n)), nullptr);
    EXPECT_EQ(cache.Find(NumberedName(n))->revision, kRounds - 1);
  }
}

// The promise is below 1 KiB for a connection as providers make them.
TEST(MemoryCacheTest, AnOutdatedEntryWaitsForItsGeneration) {
  MemoryCache cache({});
  cache.Outdate("a", 2);  // nothing there: nothing to do
  EXPECT_EQ(cache.Find("a"), nullptr);
  cache.Put("a", Entry(1, 1));
  cache.Outdate("a", 1);
  EXPECT_EQ(cache.Find("a")->state, CachedState::kActive);
  cache.Outdate("a", 2);
  EXPECT_EQ(cache.Find("a")->state, CachedState::kOutdated);
  EXPECT_TRUE(cache.Find("a")->tokens.empty());
  // A slow reader does not bring the old token back, nor get what has none.
  const auto late = Entry(1, 1);
  EXPECT_EQ(cache.Put("a", late), late);
  EXPECT_EQ(cache.Find("a")->state, CachedState::kOutdated);
  const auto fresh = Entry(2, 2);
  EXPECT_EQ(cache.Put("a", fresh), fresh);
  EXPECT_EQ(cache.Find("a"), fresh);
}

#ifndef VK_TEST_SANITIZED  // sanitizers have an allocator of their own
TEST(MemoryCacheTest, MemoryForOneConnection) {
  constexpr int kEntries = 10'000;
  const auto allocated = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  MemoryCache cache({});
  const std::size_t before = allocated();
  for (int i = 0; i < kEntries; ++i) {
    auto entry = Entry(1, 1);
    CachedToken& token = entry->tokens[0];
    token.access_token = SecretString(std::string(150, 'a'));
    token.token_type = "bearer";
    token.scopes = "user_accounts:read pins:read";
    cache.Put(absl::StrCat("applications/shop/connections/c-", 1'000'000 + i,
                           "abcdefghijklm"),
              entry);
  }
  const std::size_t per_entry = (allocated() - before) / kEntries;
  RecordProperty("bytes_per_entry", static_cast<int>(per_entry));
  EXPECT_GT(per_entry, 150u);  // or nothing was measured
  EXPECT_LT(per_entry, 1024u);
}
#endif

}  // namespace
}  // namespace valetkey::cache

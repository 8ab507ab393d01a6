// Random operations on a store and on FakeStore, which is simple enough to be
// the model, must give the same answers.

#include <cstdlib>
#include <random>

#include "service/store/fake_store.h"
#include "service/store/store_contract_test.h"

namespace valetkey::store {
namespace {

using Rng = std::mt19937_64;

int Pick(Rng& rng, int below) {
  return static_cast<int>(rng() % static_cast<std::uint64_t>(below));
}

std::string RandomApp(Rng& rng) { return absl::StrCat("a", Pick(rng, 2)); }

// Leaves the row, deletes it, or has `fill` change it.
template <class T, class Fill>
void RandomRow(Rng& rng, const std::optional<std::string>& key,
               std::optional<T>* row, Fill fill) {
  const int what = Pick(rng, 10);
  if (!key || what == 0) return;
  if (what < 3) {
    row->reset();
    return;
  }
  if (!row->has_value()) row->emplace();
  (*row)->name = *key;
  fill(**row);
}

Labels RandomLabels(Rng& rng) {
  Labels labels;
  for (const char* key : {"k1", "k2"}) {
    if (Pick(rng, 2) == 0) labels[key] = absl::StrCat("v", Pick(rng, 2));
  }
  return labels;
}

// Draws the same from the same seed, so that both stores see one change.
absl::Status RandomChange(std::uint64_t seed, const RowKeys& keys, Rows& rows) {
  Rng rng(seed);
  const std::string app = RandomApp(rng);
  RandomRow(rng, keys.application, &rows.application, [&](Application& row) {
    row.display_name = absl::StrCat(Pick(rng, 3));
  });
  RandomRow(rng, keys.key, &rows.key, [&](ApiKey& row) {
    row.application = app;
    row.digest = absl::StrCat("digest", Pick(rng, 4));
  });
  RandomRow(rng, keys.provider, &rows.provider, [&](Provider& row) {
    row.application = row.name.substr(0, AppName("a0").size());
    row.client_id = absl::StrCat(Pick(rng, 3));
  });
  RandomRow(rng, keys.connection, &rows.connection, [&](Connection& row) {
    row.application = row.name.substr(0, AppName("a0").size());
    row.provider = absl::StrCat(row.application, "/providers/p", Pick(rng, 2));
    row.subject = absl::StrCat("u", Pick(rng, 3));
    row.state = static_cast<ConnectionState>(1 + Pick(rng, 4));
    row.labels = RandomLabels(rng);
    row.due_time.reset();
    if (Pick(rng, 3) > 0) {
      row.due_time = rows.now + absl::Milliseconds(Pick(rng, 20'000));
    }
    ++row.generation;
  });
  RandomRow(
      rng, keys.authorization, &rows.authorization, [&](Authorization& row) {
        row.application = AppName(app);
        row.provider = ProviderName(app, absl::StrCat("p", Pick(rng, 2)));
        row.connection = ConnectionName(app, absl::StrCat("c", Pick(rng, 4)));
        row.status = static_cast<AuthorizationStatus>(1 + Pick(rng, 4));
        row.expire_time = rows.now + absl::Seconds(Pick(rng, 20));
      });
  if (rows.key) rows.key->application = AppName(app);
  for (int i = Pick(rng, 3); i > 0; --i) {
    rows.events.push_back(MakeEvent(app, absl::StrCat("c", Pick(rng, 4))));
    rows.events.back().labels = RandomLabels(rng);
  }
  if (Pick(rng, 10) == 0) return MakeError(Reason::kEtagMismatch, "no");
  return absl::OkStatus();
}

RowKeys RandomKeys(Rng& rng) {
  RowKeys keys;
  const std::string app = RandomApp(rng);
  if (Pick(rng, 3) == 0) keys.application = AppName(app);
  if (Pick(rng, 3) == 0) {
    keys.key = absl::StrCat(AppName(app), "/keys/k", Pick(rng, 3));
  }
  if (Pick(rng, 3) == 0) {
    keys.provider = ProviderName(app, absl::StrCat("p", Pick(rng, 2)));
  }
  if (Pick(rng, 3) > 0) {
    keys.connection = ConnectionName(app, absl::StrCat("c", Pick(rng, 4)));
  }
  if (Pick(rng, 3) == 0) {
    keys.authorization = absl::StrCat("state", Pick(rng, 4));
  }
  return keys;
}

void ExpectSame(const absl::StatusOr<Rows>& a, const absl::StatusOr<Rows>& b) {
  ASSERT_EQ(a.ok(), b.ok()) << a.status() << " | " << b.status();
  if (!a.ok()) return;
  EXPECT_EQ(a->now, b->now);
  EXPECT_EQ(a->application, b->application);
  EXPECT_EQ(a->key, b->key);
  EXPECT_EQ(a->provider, b->provider);
  EXPECT_EQ(a->authorization, b->authorization);
  EXPECT_EQ(a->connection, b->connection);
  EXPECT_EQ(a->events, b->events);
}

template <class T>
void ExpectSamePage(const absl::StatusOr<Page<T>>& a,
                    const absl::StatusOr<Page<T>>& b) {
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  EXPECT_EQ(a->items, b->items);
  EXPECT_EQ(a->next, b->next);
}

void ExpectSameReads(Rng& rng, Store& a, Store& b) {
  const std::string app = AppName(RandomApp(rng));
  const int limit = 1 + Pick(rng, 5);
  const std::string after =
      Pick(rng, 2) == 0 ? "" : absl::StrCat(app, "/connections/c1");
  ExpectSamePage(RunSync(a.ListApplications("", limit)),
                 RunSync(b.ListApplications("", limit)));
  ExpectSamePage(RunSync(a.ListKeys(app, "", limit)),
                 RunSync(b.ListKeys(app, "", limit)));
  ExpectSamePage(RunSync(a.ListProviders(app, "", limit)),
                 RunSync(b.ListProviders(app, "", limit)));
  ConnectionFilter filter;
  if (Pick(rng, 4) > 0) filter.application = app;
  if (Pick(rng, 3) == 0) filter.provider = app + "/providers/p1";
  if (Pick(rng, 3) == 0) filter.subject = absl::StrCat("u", Pick(rng, 3));
  if (Pick(rng, 3) == 0) {
    filter.state = static_cast<ConnectionState>(1 + Pick(rng, 4));
  }
  if (Pick(rng, 2) == 0) filter.labels = RandomLabels(rng);
  ExpectSamePage(RunSync(a.ListConnections(filter, after, limit)),
                 RunSync(b.ListConnections(filter, after, limit)));
  if (Pick(rng, 4) == 0) {
    const absl::Duration claim = absl::Seconds(Pick(rng, 20));
    const std::vector<std::string> without(Pick(rng, 2), app + "/providers/p1");
    EXPECT_EQ(*RunSync(a.ClaimDue(limit, claim, without)),
              *RunSync(b.ClaimDue(limit, claim, without)));
  }
  EXPECT_EQ(*RunSync(a.GetBacklog()), *RunSync(b.GetBacklog()));
  const std::string state = absl::StrCat("state", Pick(rng, 4));
  EXPECT_EQ(*RunSync(a.GetAuthorization(state)),
            *RunSync(b.GetAuthorization(state)));
  const std::string digest = absl::StrCat("digest", Pick(rng, 4));
  EXPECT_EQ(*RunSync(a.FindKey(digest)), *RunSync(b.FindKey(digest)));
  const auto from = static_cast<std::int64_t>(Pick(rng, 50));
  EXPECT_EQ(*RunSync(a.ReadEvents(from, limit, "")),
            *RunSync(b.ReadEvents(from, limit, "")));
  EXPECT_EQ(*RunSync(a.ReadEvents(from, limit, app)),
            *RunSync(b.ReadEvents(from, limit, app)));
  EXPECT_EQ(*RunSync(a.ReadUnpublished(limit)),
            *RunSync(b.ReadUnpublished(limit)));
  EXPECT_EQ(RunSync(a.GetEventRange())->oldest,
            RunSync(b.GetEventRange())->oldest);
  EXPECT_EQ(RunSync(a.GetEventRange())->newest,
            RunSync(b.GetEventRange())->newest);
}

TEST_P(StoreContract, RandomOperationsAgreeWithTheModel) {
  std::uint64_t seed = std::random_device()();
  if (const char* given = std::getenv("VALETKEY_TEST_SEED")) {
    seed = std::strtoull(given, nullptr, 10);
  }
  SCOPED_TRACE(absl::StrCat("VALETKEY_TEST_SEED=", seed));
  Rng rng(seed);
  FakeStore model(clock_);
  int committed = 0;
  for (int step = 0; step < 600 && !HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    const int what = Pick(rng, 20);
    if (what == 0) {
      clock_.Advance(absl::Seconds(Pick(rng, 10)));
    } else if (what == 1) {
      const absl::Time before = clock_.Now() - absl::Seconds(Pick(rng, 20));
      const int keep = Pick(rng, 60);
      const int limit = 1 + Pick(rng, 9);
      EXPECT_EQ(*RunSync(store_->TrimEvents(before, keep, limit)),
                *RunSync(model.TrimEvents(before, keep, limit)));
    } else if (what == 2) {
      const absl::Time before = clock_.Now() - absl::Seconds(Pick(rng, 20));
      EXPECT_EQ(*RunSync(store_->DeleteExpiredAuthorizations(before, 100)),
                *RunSync(model.DeleteExpiredAuthorizations(before, 100)));
    } else if (what == 3) {
      const std::vector<std::int64_t> marked = {1 + Pick(rng, 99),
                                                1 + Pick(rng, 99)};
      EXPECT_TRUE(RunSync(store_->MarkPublished(marked)).ok());
      EXPECT_TRUE(RunSync(model.MarkPublished(marked)).ok());
    } else {
      const RowKeys keys = RandomKeys(rng);
      const std::uint64_t change_seed = rng();
      auto change = [&](Rows& rows) {
        return RandomChange(change_seed, keys, rows);
      };
      auto mine = Update(keys, change);
      ExpectSame(mine, RunSync(model.Update(keys, change)));
      if (mine.ok()) ++committed;
    }
    ExpectSameReads(rng, *store_, model);
  }
  EXPECT_GT(committed, 50);  // or it has tested little
}

}  // namespace
}  // namespace valetkey::store

// One established connection to PostgreSQL: batches go out as they come,
// answers are matched in order (libpq's pipeline mode). All on one executor.

#ifndef VALETKEY_NET_SQL_POSTGRES_LINK_H_
#define VALETKEY_NET_SQL_POSTGRES_LINK_H_

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "service/async/promise.h"
#include "service/net/sql/postgres_connect.h"
#include "service/net/sql/postgres_options.h"
#include "service/net/sql/postgres_value.h"

namespace valetkey::sql {

class PostgresLink : public std::enable_shared_from_this<PostgresLink> {
 public:
  using Results = absl::StatusOr<std::vector<PostgresResult>>;
  // Must not call into the link.
  using Handler = absl::AnyInvocable<void(Results)>;

  // `options` outlives the link.
  PostgresLink(asio::any_io_executor executor, PostgresHandle connection,
               const PostgresOptions& options);

  // Begins to read. Must be called before Send.
  void Start();
  // Sends a batch as one implicit transaction. The handler runs exactly once,
  // when all is answered or the link is lost.
  void Send(const std::vector<PostgresStatement>& batch, Handler handler);
  // Ends the connection: all that is unanswered fails.
  void Fail(absl::Status status);
  // Set, with the reason, once it has ended.
  std::shared_ptr<Promise<absl::Status>> lost() const { return lost_; }

 private:
  using Clock = std::chrono::steady_clock;

  // A statement that the server has parsed, or is about to.
  struct Parsed {
    std::string text;
    std::string name;
    absl::Status error;  // it could not be parsed
  };
  struct Batch {
    std::vector<PostgresResult> results;
    absl::Status error;  // the first
    Clock::time_point sent;
    Handler handler;
  };
  // What the server owes, in order.
  struct Expected {
    enum class Kind { kParse, kStatement, kSync };
    Kind kind;
    std::shared_ptr<Parsed> parsed;
    std::shared_ptr<Batch> batch;  // null for a Sync that ends no batch
    int statement = 0;
    bool answered = false;
  };

  // Null if there is room for no more, or the link is lost.
  std::shared_ptr<Parsed> Prepare(const PostgresStatement& statement);
  bool SendOne(const PostgresStatement& statement, const Parsed* parsed);
  bool SendSync(std::shared_ptr<Batch> batch);
  void Flush();
  void WaitToRead();
  void OnReadable();
  // Takes the answers that are there.
  void Process();
  void OnResult(Expected& expected, PGresult* result);
  void OnSync(Expected& expected);
  void Watch();
  void OnTick();
  absl::Status ConnectionError() const;

  const PostgresOptions& options_;
  const std::string endpoint_;
  PostgresHandle connection_;
  asio::posix::stream_descriptor socket_;  // a duplicate of libpq's
  asio::steady_timer watch_;
  const std::shared_ptr<Promise<absl::Status>> lost_;
  std::deque<Expected> expected_;
  std::unordered_map<std::string, std::shared_ptr<Parsed>> parsed_;  // by text
  int names_ = 0;
  bool failed_ = false;
  bool writing_ = false;  // waits until it can write on
  absl::Status retire_;   // why the link is to end after this batch
  Clock::time_point heard_ = Clock::now();
  Clock::time_point owing_since_ = Clock::now();
};

}  // namespace valetkey::sql

#endif  // VALETKEY_NET_SQL_POSTGRES_LINK_H_

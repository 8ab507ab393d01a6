#include "service/net/sql/postgres_link.h"

#include <fcntl.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/net/sql/postgres_error.h"

namespace valetkey::sql {
namespace {

// Statements kept for each connection; others are parsed each time.
constexpr std::size_t kMaxParsed = 256;

// What OpenSSL has decrypted and libpq not yet taken: no socket tells of it.
bool HasDecrypted(PGconn* connection) {
  auto* ssl = static_cast<SSL*>(PQsslStruct(connection, "OpenSSL"));
  return ssl != nullptr && SSL_pending(ssl) > 0;
}

}  // namespace

PostgresLink::PostgresLink(asio::any_io_executor executor,
                           PostgresHandle connection,
                           const PostgresOptions& options)
    : options_(options),
      endpoint_(options.url.Endpoint()),
      connection_(std::move(connection)),
      socket_(executor),
      watch_(executor),
      lost_(std::make_shared<Promise<absl::Status>>(executor)) {}

void PostgresLink::Start() {
  const int copy = fcntl(PQsocket(connection_.get()), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Fail(DatabaseError(endpoint_, "no socket"));
  socket_.assign(copy);
  WaitToRead();
  Watch();
}

absl::Status PostgresLink::ConnectionError() const {
  return DatabaseError(
      endpoint_,
      absl::StrCat("the connection is lost, what was under way may have been "
                   "done or not: ",
                   OneLine(PQerrorMessage(connection_.get()))));
}

void PostgresLink::Fail(absl::Status status) {
  if (failed_) return;
  failed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  watch_.cancel();
  connection_.reset();
  for (Expected& expected : std::exchange(expected_, {})) {
    if (expected.batch == nullptr || !expected.batch->handler) continue;
    // One that was refused is known not to have been carried out.
    const absl::Status& error =
        expected.batch->error.ok() ? status : expected.batch->error;
    std::exchange(expected.batch->handler, nullptr)(CopyError(error));
  }
  lost_->Set(CopyError(status));
}

std::shared_ptr<PostgresLink::Parsed> PostgresLink::Prepare(
    const PostgresStatement& statement) {
  auto it = parsed_.find(statement.text);
  if (it != parsed_.end()) return it->second;
  if (parsed_.size() >= kMaxParsed) return nullptr;
  auto parsed = std::make_shared<Parsed>();
  parsed->text = statement.text;
  parsed->name = absl::StrCat("s", ++names_);
  std::vector<Oid> types;
  for (const PostgresValue& value : statement.values) {
    types.push_back(value.type());
  }
  // With a Sync of its own: what it is parsed for may be rolled back, and it
  // stays. A statement that cannot be parsed fails when it is executed.
  if (PQsendPrepare(connection_.get(), parsed->name.c_str(),
                    parsed->text.c_str(), static_cast<int>(types.size()),
                    types.data()) != 1) {
    return nullptr;
  }
  expected_.push_back({Expected::Kind::kParse, parsed, nullptr});
  if (!SendSync(nullptr)) return nullptr;
  parsed_[parsed->text] = parsed;
  return parsed;
}

bool PostgresLink::SendOne(const PostgresStatement& statement,
                           const Parsed* parsed) {
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const PostgresValue& value : statement.values) {
    types.push_back(value.type());
    values.push_back(value.is_null() ? nullptr : value.data().data());
    lengths.push_back(static_cast<int>(value.data().size()));
  }
  const std::vector<int> formats(values.size(), 1);
  const int count = static_cast<int>(values.size());
  if (parsed == nullptr) {
    return PQsendQueryParams(connection_.get(), statement.text.c_str(), count,
                             types.data(), values.data(), lengths.data(),
                             formats.data(), 1) == 1;
  }
  return PQsendQueryPrepared(connection_.get(), parsed->name.c_str(), count,
                             values.data(), lengths.data(), formats.data(),
                             1) == 1;
}

bool PostgresLink::SendSync(std::shared_ptr<Batch> batch) {
  if (PQpipelineSync(connection_.get()) != 1) return false;
  expected_.push_back({Expected::Kind::kSync, nullptr, std::move(batch)});
  return true;
}

void PostgresLink::Send(const std::vector<PostgresStatement>& statements,
                        Handler handler) {
  auto batch = std::make_shared<Batch>();
  batch->results.resize(statements.size());
  batch->sent = Clock::now();
  batch->handler = std::move(handler);
  if (failed_) {
    std::exchange(batch->handler,
                  nullptr)(DatabaseError(endpoint_, "not connected"));
    return;
  }
  if (expected_.empty()) owing_since_ = batch->sent;
  std::vector<std::shared_ptr<Parsed>> parsed;
  for (const PostgresStatement& statement : statements) {
    parsed.push_back(statement.prepared ? Prepare(statement) : nullptr);
  }
  bool sent = true;
  for (std::size_t i = 0; i < statements.size() && sent; ++i) {
    sent = SendOne(statements[i], parsed[i].get());
    expected_.push_back(
        {Expected::Kind::kStatement, parsed[i], batch, static_cast<int>(i)});
  }
  if (!sent || !SendSync(batch)) {
    // So that the handler is called even if the batch is empty.
    expected_.push_back({Expected::Kind::kSync, nullptr, batch});
    return Fail(ConnectionError());
  }
  Flush();
}

void PostgresLink::Flush() {
  if (failed_) return;
  const int left = PQflush(connection_.get());
  // An error is told by what is read next, often with a reason.
  if (left <= 0 || writing_) return;
  writing_ = true;
  socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                     [self = shared_from_this()](auto error) {
                       self->writing_ = false;
                       if (!error) self->Flush();
                     });
}

void PostgresLink::WaitToRead() {
  socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](auto error) {
                       if (!error) self->OnReadable();
                     });
}

void PostgresLink::OnReadable() {
  if (failed_) return;
  do {
    const bool alive = PQconsumeInput(connection_.get()) == 1;
    heard_ = Clock::now();
    Process();
    if (failed_) return;
    if (!alive || PQstatus(connection_.get()) == CONNECTION_BAD) {
      return Fail(ConnectionError());
    }
  } while (HasDecrypted(connection_.get()));
  Flush();
  WaitToRead();
}

void PostgresLink::Process() {
  while (!failed_ && !expected_.empty() && PQisBusy(connection_.get()) == 0) {
    PGresult* result = PQgetResult(connection_.get());
    Expected& front = expected_.front();
    if (result != nullptr) {
      OnResult(front, result);
      continue;
    }
    // The end of a statement's answer; else nothing is there yet.
    if (!front.answered) return;
    expected_.pop_front();
  }
}

void PostgresLink::OnResult(Expected& expected, PGresult* raw) {
  PostgresResult result(raw);
  const ExecStatusType status = PQresultStatus(raw);
  if (status == PGRES_PIPELINE_SYNC) {
    if (expected.kind != Expected::Kind::kSync) {
      return Fail(DatabaseError(endpoint_, "the answers are out of order"));
    }
    return OnSync(expected);
  }
  if (expected.kind == Expected::Kind::kSync) {
    // In the place of a commit's outcome: the server ends the connection.
    return Fail(ConnectionError());
  }
  expected.answered = true;
  if (status == PGRES_PIPELINE_ABORTED) return;
  const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
                    status == PGRES_EMPTY_QUERY;
  if (expected.kind == Expected::Kind::kParse) {
    if (!good) {
      expected.parsed->error = StatementError(endpoint_, raw, 0);
      parsed_.erase(expected.parsed->text);
    }
    return;
  }
  Batch& batch = *expected.batch;
  if (good) {
    batch.results[static_cast<std::size_t>(expected.statement)] =
        std::move(result);
    return;
  }
  if (!batch.error.ok()) return;
  batch.error = StatementError(endpoint_, raw, expected.statement);
  const auto error = PostgresErrorOf(batch.error);
  if (!error) return;
  if (error->sqlstate == kUnknownStatement) {
    if (expected.parsed != nullptr && !expected.parsed->error.ok()) {
      batch.error = CopyError(expected.parsed->error);
    } else {
      retire_ = DatabaseError(endpoint_, "prepared statements do not stay");
    }
  } else if (error->sqlstate == kReadOnlyTransaction) {
    retire_ = DatabaseError(endpoint_, "the server cannot be written to");
  }
}

void PostgresLink::OnSync(Expected& expected) {
  const std::shared_ptr<Batch> batch = std::move(expected.batch);
  expected_.pop_front();
  owing_since_ = heard_;
  if (batch == nullptr) return;
  if (!batch->error.ok()) {
    std::exchange(batch->handler, nullptr)(std::move(batch->error));
  } else {
    for (PostgresResult& result : batch->results) {
      result.sent = batch->sent;
      result.received = heard_;
    }
    std::exchange(batch->handler, nullptr)(std::move(batch->results));
  }
  if (!retire_.ok()) Fail(retire_);
}

void PostgresLink::Watch() {
  const absl::Duration tick =
      std::min(options_.stall_timeout, options_.ping_interval) / 4;
  watch_.expires_after(absl::ToChronoNanoseconds(tick));
  watch_.async_wait([self = shared_from_this()](auto error) {
    if (!error) self->OnTick();
  });
}

void PostgresLink::OnTick() {
  if (failed_) return;
  const auto now = Clock::now();
  if (!expected_.empty()) {
    const auto silent = now - std::max(heard_, owing_since_);
    if (absl::FromChrono(silent) > options_.stall_timeout) {
      return Fail(DatabaseError(
          endpoint_, absl::StrCat("no answer for ",
                                  absl::FormatDuration(options_.stall_timeout),
                                  ": the connection is dropped, what was under "
                                  "way may have been done or not")));
    }
  } else if (absl::FromChrono(now - heard_) > options_.ping_interval) {
    owing_since_ = now;
    if (!SendSync(nullptr)) return Fail(ConnectionError());
    Flush();
  }
  Watch();
}

}  // namespace valetkey::sql

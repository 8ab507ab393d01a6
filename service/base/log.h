// Structured logs, one line an entry: JSON for machines, or key=value for
// people. Thread-safe.
//
//   Log(LogLevel::kInfo, "tokens refreshed",
//       {{"connection", name}, {"generation", generation}});
//
// gives one of
//
//   2026-11-23T18:40:00.123Z INFO  tokens refreshed connection=… generation=2
//   {"time":"2026-11-23T18:40:00.123Z","level":"info",
//    "message":"tokens refreshed","connection":"…","generation":2}
//
// with request_id, trace_id and span_id after them where a context is given.
// Control characters and broken UTF-8 in values are escaped: an entry is one
// line, whatever it holds.
//
// The message is a constant phrase; all that varies is a field. Never pass a
// secret: SecretString does not convert to a field.

#ifndef VALETKEY_BASE_LOG_H_
#define VALETKEY_BASE_LOG_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace valetkey {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

class LogValue {
 public:
  LogValue(const char* value) : text_(value) {}         // NOLINT
  LogValue(absl::string_view value) : text_(value) {}   // NOLINT
  LogValue(const std::string& value) : text_(value) {}  // NOLINT
  LogValue(bool value)
      : text_(value ? "true" : "false"), raw_(true) {}                 // NOLINT
  LogValue(int value) : LogValue(static_cast<std::int64_t>(value)) {}  // NOLINT
  LogValue(std::int64_t value)                                         // NOLINT
      : text_(std::to_string(value)), raw_(true) {}
  LogValue(std::size_t value)  // NOLINT
      : text_(std::to_string(value)), raw_(true) {}
  LogValue(absl::Duration value);       // NOLINT seconds
  LogValue(absl::Time value);           // NOLINT RFC 3339
  LogValue(const absl::Status& value);  // NOLINT

  const std::string& text() const { return text_; }
  bool raw() const { return raw_; }  // a JSON number or boolean

 private:
  std::string text_;
  bool raw_ = false;
};

struct LogField {
  absl::string_view key;
  LogValue value;
};

enum class LogFormat { kText, kJson };

struct LogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kInfo;  // quieter entries are dropped
};

// Call once, before threads start. Lines go to standard error.
void InitLog(const LogOptions& options);
// For tests: every line goes to the sink as well. Null takes it away.
void SetLogSink(std::function<void(absl::string_view line)> sink);

bool LogEnabled(LogLevel level);
void Log(LogLevel level, absl::string_view message,
         std::initializer_list<LogField> fields = {});

// Who asked: put into every entry made while handling a request.
struct RequestContext {
  std::string request_id;  // ours or the caller's x-request-id
  std::string trace_id;    // 32 hexadecimal digits (W3C Trace Context), or ""
  std::string span_id;     // 16 hexadecimal digits, or ""
};
void Log(LogLevel level, const RequestContext& context,
         absl::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace valetkey

#endif  // VALETKEY_BASE_LOG_H_

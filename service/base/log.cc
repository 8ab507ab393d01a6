#include "service/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "service/base/mutex.h"
#include "service/base/status.h"

namespace valetkey {
namespace {

std::atomic<LogFormat> log_format{LogFormat::kText};
std::atomic<LogLevel> log_level{LogLevel::kInfo};

struct Sink {
  Mutex mutex;
  std::function<void(absl::string_view)> function VK_GUARDED_BY(mutex);
};

Sink& GetSink() {
  static Sink* const sink = new Sink;
  return *sink;
}

spdlog::logger& Backend() {
  // The line is made here; spdlog adds its end and writes it whole.
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger(
        "valetkey", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum BackendLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

absl::string_view LevelName(LogLevel level, LogFormat format) {
  const bool text = format == LogFormat::kText;
  switch (level) {
    case LogLevel::kDebug:
      return text ? "DEBUG" : "debug";
    case LogLevel::kInfo:
      return text ? "INFO " : "info";
    case LogLevel::kWarning:
      return text ? "WARN " : "warning";
    case LogLevel::kError:
      return text ? "ERROR" : "error";
  }
  return "";
}

std::string Rfc3339(absl::Time time) {
  if (time == absl::InfiniteFuture()) return "never";
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// The size of the UTF-8 character that text begins with, and its code point;
// 0 if there is none (RFC 3629: no surrogates, nothing overlong).
std::size_t DecodeUtf8(absl::string_view text, char32_t* code) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) {
    *code = first;
    return 1;
  }
  if (first >= 0xc2 && first < 0xe0 && follows(1)) {
    *code = (first & 0x1f) << 6 | (byte(1) & 0x3f);
    return 2;
  }
  if (first >= 0xe0 && first < 0xf0 && follows(1) && follows(2)) {
    *code = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    const bool surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < 0x800 || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first < 0xf5 && follows(1) && follows(2) && follows(3)) {
    *code = (first & 0x07) << 18 | (byte(1) & 0x3f) << 12 |
            (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    return *code < 0x10000 || *code > 0x10ffff ? 0 : 4;
  }
  return 0;
}

// Controls, and characters that reorder or break a line: in a log they would
// let one entry pass for another.
bool IsUnsafe(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
         code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

// Escapes as a JSON string's inside; a byte that is no UTF-8 becomes U+FFFD
// for machines and \xNN for people.
void AppendEscaped(absl::string_view text, LogFormat format, std::string* out) {
  while (!text.empty()) {
    char32_t code = 0;
    const std::size_t size = DecodeUtf8(text, &code);
    if (size == 0) {
      if (format == LogFormat::kJson) {
        out->append("\xef\xbf\xbd");
      } else {
        absl::StrAppendFormat(out, "\\x%02x",
                              static_cast<unsigned char>(text.front()));
      }
      text.remove_prefix(1);
      continue;
    }
    if (code == '"' || code == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(code));
    } else if (code == '\n') {
      out->append("\\n");
    } else if (code == '\r') {
      out->append("\\r");
    } else if (code == '\t') {
      out->append("\\t");
    } else if (IsUnsafe(code)) {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned>(code));
    } else {
      out->append(text.data(), size);
    }
    text.remove_prefix(size);
  }
}

void AppendQuoted(absl::string_view text, LogFormat format, std::string* out) {
  out->push_back('"');
  AppendEscaped(text, format, out);
  out->push_back('"');
}

bool IsPlainWord(absl::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c)) || c == '"' ||
        c == '\\' || c == '=') {
      return false;
    }
  }
  return true;
}

void AppendTextField(absl::string_view key, absl::string_view value,
                     std::string* out) {
  absl::StrAppend(out, " ", key, "=");
  if (IsPlainWord(value)) {
    absl::StrAppend(out, value);
  } else {
    AppendQuoted(value, LogFormat::kText, out);
  }
}

void AppendJsonField(absl::string_view key, absl::string_view value, bool raw,
                     std::string* out) {
  out->push_back(',');
  AppendQuoted(key, LogFormat::kJson, out);
  out->push_back(':');
  if (raw) {
    absl::StrAppend(out, value);
  } else {
    AppendQuoted(value, LogFormat::kJson, out);
  }
}

std::string FormatLine(LogFormat format, absl::Time time, LogLevel level,
                       const RequestContext& context, absl::string_view message,
                       std::initializer_list<LogField> fields) {
  const std::pair<absl::string_view, absl::string_view> ids[] = {
      {"request_id", context.request_id},
      {"trace_id", context.trace_id},
      {"span_id", context.span_id},
  };
  std::string line;
  if (format == LogFormat::kText) {
    absl::StrAppend(&line, Rfc3339(time), " ", LevelName(level, format), " ");
    AppendEscaped(message, format, &line);
    for (const LogField& field : fields) {
      AppendTextField(field.key, field.value.text(), &line);
    }
    for (const auto& [key, value] : ids) {
      if (!value.empty()) AppendTextField(key, value, &line);
    }
    return line;
  }
  absl::StrAppend(&line, "{\"time\":\"", Rfc3339(time), "\",\"level\":\"",
                  LevelName(level, format), "\",\"message\":");
  AppendQuoted(message, format, &line);
  for (const LogField& field : fields) {
    AppendJsonField(field.key, field.value.text(), field.value.raw(), &line);
  }
  for (const auto& [key, value] : ids) {
    if (!value.empty()) AppendJsonField(key, value, /*raw=*/false, &line);
  }
  line.push_back('}');
  return line;
}

void Write(LogLevel level, const RequestContext& context,
           absl::string_view message, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  const std::string line =
      FormatLine(log_format.load(std::memory_order_relaxed), absl::Now(), level,
                 context, message, fields);
  Backend().log(BackendLevel(level),
                spdlog::string_view_t(line.data(), line.size()));
  Sink& sink = GetSink();
  MutexLock lock(sink.mutex);
  if (sink.function) sink.function(line);
}

}  // namespace

LogValue::LogValue(absl::Duration value) {
  if (value == absl::InfiniteDuration() || value == -absl::InfiniteDuration()) {
    text_ = "infinite";
    return;
  }
  text_ = absl::StrFormat("%.6g", absl::ToDoubleSeconds(value));
  raw_ = true;
}

LogValue::LogValue(absl::Time value) : text_(Rfc3339(value)) {}

LogValue::LogValue(const absl::Status& value) {
  if (value.ok()) {
    text_ = "OK";
    return;
  }
  const absl::string_view reason = ReasonName(ReasonOf(value));
  text_ = absl::StrCat(reason.empty() ? absl::StatusCodeToString(value.code())
                                      : std::string(reason),
                       ": ", value.message());
}

void InitLog(const LogOptions& options) {
  log_format.store(options.format);
  log_level.store(options.level);
}

void SetLogSink(std::function<void(absl::string_view line)> sink) {
  Sink& holder = GetSink();
  MutexLock lock(holder.mutex);
  holder.function = std::move(sink);
}

bool LogEnabled(LogLevel level) {
  return level >= log_level.load(std::memory_order_relaxed);
}

void Log(LogLevel level, absl::string_view message,
         std::initializer_list<LogField> fields) {
  Write(level, RequestContext(), message, fields);
}

void Log(LogLevel level, const RequestContext& context,
         absl::string_view message, std::initializer_list<LogField> fields) {
  Write(level, context, message, fields);
}

}  // namespace valetkey

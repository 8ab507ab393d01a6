// valetkey watch: events as they happen, one line each.

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "service/cmd/valetkey/follow.h"
#include "service/cmd/valetkey/parse.h"
#include "service/cmd/valetkey/shell.h"

namespace valetkey::cli {
namespace {

struct Arguments {
  bool snapshot = false;
  std::string cursor;
  std::string connection;
  std::string provider;
  std::string subject;
  std::vector<std::string> labels;
  std::vector<std::string> types;
};

std::string ClockText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

std::string ExpiryText(bool is_set, const google::protobuf::Timestamp& time) {
  if (!is_set) return "";
  return absl::StrCat(
      ", expires ",
      RelativeTime(absl::FromUnixSeconds(time.seconds()) - absl::Now()));
}

// Time, what, and whose in columns wide enough for most; a stream cannot be
// measured beforehand.
std::string Line(absl::string_view time, absl::string_view what,
                 absl::string_view connection, absl::string_view provider,
                 absl::string_view subject, absl::string_view rest) {
  const auto pad = [](absl::string_view text, std::size_t width) {
    std::string cell = Printable(text);
    const std::size_t taken = DisplayWidth(cell);
    if (taken < width) cell.append(width - taken, ' ');
    return absl::StrCat(cell, "  ");
  };
  return absl::StrCat(pad(time, 8), pad(what, 24), pad(connection, 20),
                      pad(provider, 12), pad(subject, 12), Printable(rest));
}

std::string EventLine(const v1::Event& event) {
  std::string rest =
      absl::StrCat("generation ", event.generation(),
                   ExpiryText(event.has_expire_time(), event.expire_time()));
  if (!event.reason().empty()) absl::StrAppend(&rest, ", ", event.reason());
  return Line(ClockText(event.time()),
              EnumText(v1::EventType_Name(event.type()), "EVENT_TYPE_"),
              ShortName(event.connection()), ShortName(event.provider()),
              event.subject(), rest);
}

std::string ConnectionLine(const v1::Connection& connection) {
  return Line("now",
              EnumText(v1::ConnectionState_Name(connection.state()),
                       "CONNECTION_STATE_"),
              ShortName(connection.name()), ShortName(connection.provider()),
              connection.subject(),
              absl::StrCat("generation ", connection.generation(),
                           ExpiryText(connection.has_expire_time(),
                                      connection.expire_time())));
}

grpc::Status Watch(Shell& shell, const Arguments& arguments) {
  v1::WatchEventsRequest request;
  request.set_parent(shell.Application());
  request.set_cursor(arguments.cursor);
  request.set_snapshot(arguments.snapshot);
  if (!arguments.connection.empty()) {
    request.set_connection(shell.Name("connections", arguments.connection));
  }
  if (!arguments.provider.empty()) {
    request.set_provider(shell.Name("providers", arguments.provider));
  }
  request.set_subject(arguments.subject);
  FillMap(Checked("--label", ParsePairs(arguments.labels)),
          request.mutable_labels());
  for (const std::string& type : arguments.types) {
    request.add_types(static_cast<v1::EventType>(
        Checked("--type",
                ParseEnum(*v1::EventType_descriptor(), "EVENT_TYPE_", type))));
  }
  FollowOptions follow;
  follow.on_message = [&](const v1::WatchEventsResponse& message) {
    if (shell.json()) {
      shell.PrintJson(message, /*one_line=*/true);
    } else if (message.has_event()) {
      shell.out() << EventLine(message.event()) << std::endl;
    } else if (message.has_connection()) {
      shell.out() << ConnectionLine(message.connection()) << std::endl;
    }
    return shell.out().good();
  };
  return Follow(shell, request, follow);
}

}  // namespace

void AddWatchCommand(CLI::App& app, Shell& shell) {
  const auto arguments = std::make_shared<Arguments>();
  auto* watch = app.add_subcommand(
      "watch",
      "Print events as they happen; connects again by itself and goes on "
      "where it was. With --json every line has a cursor for --cursor");
  auto* snapshot =
      watch->add_flag("--snapshot", arguments->snapshot,
                      "Begin with the connections as they are now");
  watch
      ->add_option("--cursor", arguments->cursor,
                   "Go on after this cursor; default: from now on")
      ->excludes(snapshot);
  watch->add_option("--connection", arguments->connection,
                    "Only this connection");
  watch->add_option("--provider", arguments->provider, "Only this provider");
  watch->add_option("--subject", arguments->subject, "Only this user");
  watch
      ->add_option("--label", arguments->labels,
                   "KEY=VALUE that it must have; repeat for more")
      ->allow_extra_args(false);
  watch
      ->add_option("--type", arguments->types,
                   "Only this type, such as refreshed; repeat for more")
      ->allow_extra_args(false);
  watch->callback(
      [&shell, arguments] { shell.Finish(Watch(shell, *arguments)); });
}

}  // namespace valetkey::cli

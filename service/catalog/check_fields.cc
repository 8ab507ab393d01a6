// Checks of single fields, found by walking over all that is set.

#include <google/protobuf/duration.pb.h>

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "service/base/url.h"
#include "service/catalog/check.h"
#include "service/catalog/check_variables.h"
#include "service/oauth/json.h"
#include "service/oauth/pattern.h"
#include "service/oauth/template.h"

namespace valetkey::catalog {
namespace {

using namespace ::valetkey::catalog::v1;  // NOLINT: many enum values
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

constexpr std::int64_t kMaxSeconds = std::int64_t{10} * 366 * 86400;

bool IsHeaderName(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("!#$%&'*+-.^_`|~", absl::string_view(&c, 1));
  });
}

bool IsHostPattern(absl::string_view pattern) {
  if (pattern == "**") return true;
  const std::vector<absl::string_view> labels = absl::StrSplit(pattern, '.');
  bool wild = false;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == "*") {
      wild = true;
      // "*.com" would allow nearly anyone.
      if (i + 2 >= labels.size()) return false;
      continue;
    }
    if (labels[i].empty() ||
        !std::all_of(labels[i].begin(), labels[i].end(), [](char c) {
          return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                 absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
        })) {
      return false;
    }
  }
  return !wild || labels.size() >= 3;
}

bool Contains(std::initializer_list<absl::string_view> list,
              absl::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool IsTemplate(absl::string_view type, absl::string_view field) {
  return ((type == "Parameter" || type == "Header" || type == "Scope") &&
          field == "value") ||
         (type == "Jwt") ||
         (type == "ClientAuthentication" && field == "header_value") ||
         (type == "Verification" &&
          (field == "body" || field == "authorization"));
}

class Walker {
 public:
  explicit Walker(const Definition& definition)
      : definition_(definition), known_(KnownNames(definition)) {}

  void Walk(const Spot& spot, Part part) {
    const Message& message = spot.message();
    const Reflection* reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    if (message.GetDescriptor() == Jwt::descriptor()) part.in_jwt = true;
    for (const FieldDescriptor* field : fields) {
      // Each environment is checked as a whole once it is merged.
      if (field->name() == "overrides") continue;
      Part inner = part;
      if (&message == &definition_) inner.name = field->name();
      const int size =
          field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int i = 0; i < size; ++i) {
        Check(spot, field, field->is_repeated() ? i : -1, inner);
      }
    }
  }

 private:
  void Check(const Spot& spot, const FieldDescriptor* field, int index,
             const Part& part) {
    const Message& message = spot.message();
    const Reflection* reflection = message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (field->message_type() == google::protobuf::Duration::descriptor()) {
          CheckDuration(spot, field);
        } else {
          Walk(spot.Field(field, index), part);
        }
        return;
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int value =
            index < 0 ? reflection->GetEnumValue(message, field)
                      : reflection->GetRepeatedEnumValue(message, field, index);
        if (field->enum_type()->FindValueByNumber(value) == nullptr) {
          spot.Fault(field, index, "expected a value of the enum");
        }
        return;
      }
      case FieldDescriptor::CPPTYPE_INT32: {  // all are status codes
        const int value =
            index < 0 ? reflection->GetInt32(message, field)
                      : reflection->GetRepeatedInt32(message, field, index);
        if (value < 100 || value > 599) {
          spot.Fault(field, index, "expected a status code of HTTP");
        }
        return;
      }
      case FieldDescriptor::CPPTYPE_STRING:
        CheckString(spot, field, index, part,
                    index < 0
                        ? reflection->GetString(message, field)
                        : reflection->GetRepeatedString(message, field, index));
        return;
      default:
        return;
    }
  }

  void CheckDuration(const Spot& spot, const FieldDescriptor* field) {
    const auto& duration = static_cast<const google::protobuf::Duration&>(
        spot.message().GetReflection()->GetMessage(spot.message(), field));
    if (duration.seconds() <= 0 || duration.seconds() > kMaxSeconds ||
        duration.nanos() != 0) {
      spot.Fault(field, -1, "expected 1 second to 10 years");
    }
  }

  void CheckString(const Spot& spot, const FieldDescriptor* field, int index,
                   const Part& part, const std::string& value) {
    const absl::string_view type = field->containing_type()->name();
    const absl::string_view name = field->name();
    const auto fault = [&](absl::string_view text) {
      spot.Fault(field, index, text);
    };
    for (const char c : value) {
      if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\n') {
        return fault("expected no control characters");
      }
    }
    if (value.empty()) return fault("expected a value, not an empty one");
    if (absl::EndsWith(name, "pointer") || absl::EndsWith(name, "pointers")) {
      if (!oauth::IsJsonPointer(value)) {
        fault("expected a JSON pointer (RFC 6901), such as \"/data/id\"");
      }
    } else if (type == "Link" && name == "url") {
      const absl::StatusOr<Url> url = ParseUrl(value);
      if (!url.ok() || url->scheme != "https") fault("expected an https URL");
    } else if (name == "api_base_url") {
      CheckUrl(spot, field, index, Part{.name = name}, value);
    } else if (name == "url") {
      CheckUrl(spot, field, index, part, value);
    } else if (IsTemplate(type, name)) {
      CheckTemplate(spot, field, index, part, value);
    } else if (name == "pattern") {
      CheckPattern(spot, field, value);
    } else if (name == "allowed_hosts") {
      if (!IsHostPattern(value)) {
        fault(
            "expected a host in small letters, such as \"*.example.com\", "
            "with two labels after the last \"*\"");
      }
    } else if (name == "name" && Contains({"Input", "ParameterCapture",
                                           "PointerCapture", "ExtraToken"},
                                          type)) {
      if (!IsIdentifier(value)) fault("expected [a-z][a-z0-9_]*");
    } else if ((type == "Header" && name == "name") || name == "header_name") {
      if (!IsHeaderName(value)) fault("expected the name of a header field");
    } else if ((type == "Scope" && name == "name") ||
               absl::EndsWith(name, "_scopes")) {
      if (value.find_first_of(" ,\n\"") != std::string::npos) {
        fault("expected one scope, without spaces and commas");
      }
    }
  }

  // Returns the variables, or nothing after a fault.
  void CheckTemplate(const Spot& spot, const FieldDescriptor* field, int index,
                     const Part& part, const std::string& value) {
    const auto parts = oauth::ParseTemplate(value);
    if (!parts.ok()) {
      return spot.Fault(field, index, absl::StrCat(parts.status().message()));
    }
    for (const oauth::TemplatePart& piece : *parts) {
      if (!piece.is_variable) continue;
      const std::string wrong = VariableFault(piece.text, part, known_);
      if (!wrong.empty()) spot.Fault(field, index, wrong);
    }
  }

  void CheckUrl(const Spot& spot, const FieldDescriptor* field, int index,
                const Part& part, const std::string& value) {
    const auto parts = oauth::ParseTemplate(value);
    CheckTemplate(spot, field, index, part, value);
    if (!parts.ok()) return;
    // With plain text for each variable the rest must be a URL.
    std::string plain;
    for (const oauth::TemplatePart& piece : *parts) {
      if (!piece.is_variable) {
        plain += piece.text;
      } else {
        plain += plain.empty() ? "https://a.example" : "a";
      }
    }
    const absl::StatusOr<Url> url = ParseUrl(plain);
    if (!url.ok()) {
      return spot.Fault(field, index, "expected an absolute URL");
    }
    if (url->scheme != "https" && !url->IsLoopback()) {
      return spot.Fault(field, index,
                        "expected https (http only on a loopback host)");
    }
    const auto variables = oauth::HostVariables(value);
    if (!variables.ok() || variables->empty()) return;
    const auto& hosts = definition_.allowed_hosts();
    if (hosts.empty()) {
      return spot.Fault(
          field, index,
          "its host holds a variable: expected allowed_hosts to bound it");
    }
    const bool any = std::find(hosts.begin(), hosts.end(), "**") != hosts.end();
    for (const std::string& variable : *variables) {
      absl::string_view input = variable;
      if (absl::ConsumePrefix(&input, "input.") &&
          known_.secret_inputs.count(std::string(input)) != 0) {
        spot.Fault(
            field, index,
            absl::StrCat("{", variable, "} is secret: it cannot be in a host"));
      }
      if (any && known_.operator_inputs.count(variable) == 0) {
        spot.Fault(field, index,
                   absl::StrCat("{", variable, "} is not the operator's: ",
                                "allowed_hosts cannot be \"**\""));
      }
    }
  }

  void CheckPattern(const Spot& spot, const FieldDescriptor* field,
                    const std::string& value) {
    if (!oauth::IsPattern(value)) {
      spot.Fault(field, -1,
                 "expected a regular expression (RE2), at most 200 characters "
                 "long and without large repetitions");
    }
  }

  const Definition& definition_;
  const Known known_;
};

}  // namespace

void CheckFields(const Definition& definition, const Spot& root) {
  Walker(definition).Walk(root, Part{});
}

}  // namespace valetkey::catalog

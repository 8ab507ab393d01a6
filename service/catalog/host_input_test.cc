// Inputs that land in a host name: whatever a person, an operator or a callback
// gives, nothing leaves for a host that the definition does not allow.
// That an allowed host's address is public is net/http's part
// (CurlHttpClientTest).

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "service/base/url.h"
#include "service/catalog/catalog.h"
#include "service/catalog/dry_run.h"
#include "service/oauth/template.h"

namespace valetkey::catalog {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

const Catalog& BuiltIn() {
  static const auto& catalog = *new absl::StatusOr<Catalog>(Catalog::Load(""));
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return *catalog;
}

// The inputs in the hosts of the URLs of a message, and those URLs' count.
void FindHostInputs(const Message& message, std::set<std::string>& inputs) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->name() == "environments") continue;
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const int size =
          field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int i = 0; i < size; ++i) {
        FindHostInputs(field->is_repeated()
                           ? reflection->GetRepeatedMessage(message, field, i)
                           : reflection->GetMessage(message, field),
                       inputs);
      }
    } else if (field->name() == "url") {
      const auto variables =
          oauth::HostVariables(reflection->GetString(message, field));
      ASSERT_TRUE(variables.ok());
      for (absl::string_view name : *variables) {
        if (absl::ConsumePrefix(&name, "input.")) inputs.emplace(name);
      }
    }
  }
}

const char* const kHostile[] = {
    "evil.com/",
    "evil.com/x",
    "https://evil.com/",
    "a@evil.com",
    "a:b@evil.com",
    "127.0.0.1",
    "169.254.169.254",
    "[::1]",
    "0x7f000001",
    "2130706433",
    "http://127.0.0.1/",
    "http://localhost",
    "x.y.evil.com#",
    "evil.com?",
    "evil.com%2f",
    "evil%2ecom",
    "%65vil.com",
    "evil.com\\",
    "evil.com:443",
    "evil.com.",
    ".evil.com",
    "..",
    "evil.com\n",
    "evil.com ",
    "ev\xC3\xADl.com",
    "evil\xE3\x80\x82"
    "com",
    "\xEF\xBC\x8F\xEF\xBC\x8F"
    "evil.com",
    "{input.x}",
};

// With a known host behind it, as a suffix or as user information.
std::vector<std::string> Hostile(const Definition& definition) {
  std::vector<std::string> values(std::begin(kHostile), std::end(kHostile));
  for (const std::string& host : definition.allowed_hosts()) {
    if (host.find('*') != std::string::npos) continue;
    values.push_back("evil.com#" + host);
    values.push_back("https://" + host + "@evil.com");
    values.push_back("https://" + host + ".evil.com");
    values.push_back("https://evil.com/" + host);
    values.push_back(host + ".evil.com");
  }
  return values;
}

bool IsPlainHostName(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '-';
         });
}

TEST(HostInput, HostileValuesLeadNowhere) {
  int definitions = 0;
  int refused = 0;
  for (const auto& definition : BuiltIn().List()) {
    std::set<std::string> inputs;
    FindHostInputs(*definition, inputs);
    if (inputs.empty()) continue;
    ++definitions;
    SCOPED_TRACE(definition->id());
    ASSERT_FALSE(definition->allowed_hosts().empty());
    const bool any = definition->allowed_hosts(0) == "**";
    const auto good = DryRun(*definition, {});
    ASSERT_TRUE(good.ok()) << good.status();
    std::set<std::string> fixed;  // hosts that no input changes
    for (const auto& made : *good) {
      fixed.insert(ParseUrl(made.request.url)->host);
    }
    for (const std::string& input : inputs) {
      for (const std::string& value : Hostile(*definition)) {
        SCOPED_TRACE(input + "=" + value);
        DryRunOptions options;
        options.inputs[input] = value;
        const auto made = DryRun(*definition, options);
        if (!made.ok()) {
          ++refused;
          continue;
        }
        // What is left is a host that the definition allows.
        for (const auto& request : *made) {
          const auto url = ParseUrl(request.request.url);
          ASSERT_TRUE(url.ok());
          EXPECT_TRUE(fixed.count(url->host) != 0 ||
                      oauth::HostAllowed(*definition, url->host))
              << url->host;
          if (any) EXPECT_TRUE(IsPlainHostName(url->host)) << url->host;
          EXPECT_EQ(request.request.url.find('@'), std::string::npos);
        }
      }
    }
  }
  EXPECT_GE(definitions, 25);
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace valetkey::catalog

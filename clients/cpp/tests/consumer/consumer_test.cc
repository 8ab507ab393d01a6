// What a user's test looks like. With an argument it serves the fake, for the
// README's example, while that command runs.

#include <cstdlib>
#include <iostream>

#include "valetkey/client.h"
#include "valetkey/curl.h"
#include "valetkey/grpc_credentials.h"
#include "valetkey/testing/fake_valetkey.h"

int main(int argc, char** argv) {
  valetkey::client::FakeValetKey fake;
  fake.SetToken("c-7", "secret");
  if (argc > 1) {
    setenv("VALETKEY_ADDRESS", fake.address().c_str(), 1);
    setenv("VALETKEY_APPLICATION", "shop", 1);
    return std::system(argv[1]) == 0 ? 0 : 1;
  }
  auto client = valetkey::client::Client::Create(fake.client_options());
  if (!client.ok()) return 1;
  const auto source = client->NewTokenSource("c-7");
  const auto token = source->Get();
  if (!token.ok() || token->access_token() != "secret") return 1;
  curl_slist* const headers =
      valetkey::client::AppendAuthorization(nullptr, *token);
  const std::string header = headers->data;
  curl_slist_free_all(headers);
  if (header != "Authorization: Bearer secret") return 1;
  return valetkey::client::TokenCredentials(*source) == nullptr ? 1 : 0;
}

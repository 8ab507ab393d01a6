// Reads a connection's token from a source, twice: the second time from
// memory.
//
//   VALETKEY_API_KEY=... VALETKEY_APPLICATION=shop get_token c-7

#include <iostream>

#include "absl/time/clock.h"
#include "valetkey/client.h"

namespace vk = valetkey::client;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: get_token CONNECTION\n";
    return 1;
  }
  absl::StatusOr<vk::Client> client = vk::Client::Create();
  if (!client.ok()) {
    std::cerr << client.status().message() << "\n";
    return 1;
  }
  absl::StatusOr<vk::TokenSource> source = client->NewTokenSource(argv[1]);
  if (!source.ok()) {
    std::cerr << source.status().message() << "\n";
    return 1;
  }
  for (int i = 0; i < 2; ++i) {
    const absl::Time begin = absl::Now();
    const absl::StatusOr<vk::Token> token = source->Get();
    const absl::Duration time = absl::Now() - begin;
    if (!token.ok()) {
      const vk::Error error = vk::GetError(token.status());
      std::cerr << vk::ErrorKindName(error.kind) << " " << error.reason << ": "
                << error.message << "\n";
      return 1;
    }
    // Not the secret: token->authorization() is for the provider alone.
    std::cout << *token << ", in " << time << "\n";
  }
}

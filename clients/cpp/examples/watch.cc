// Prints the events of an application as they happen.
//
//   VALETKEY_API_KEY=... VALETKEY_APPLICATION=shop watch [COUNT]

#include <cstdlib>
#include <iostream>

#include "valetkey/client.h"

namespace vk = valetkey::client;

int main(int argc, char** argv) {
  int left = argc > 1 ? std::atoi(argv[1]) : -1;
  absl::StatusOr<vk::Client> client = vk::Client::Create();
  if (!client.ok()) {
    std::cerr << client.status().message() << "\n";
    return 1;
  }
  absl::StatusOr<vk::Watch> watch = client->WatchEvents({});
  if (!watch.ok()) {
    std::cerr << watch.status().message() << "\n";
    return 1;
  }
  while (left != 0) {
    const auto message = watch->Next();
    if (!message.ok()) {
      std::cerr << message.status().message() << "\n";
      return 1;
    }
    if (message->has_checkpoint()) {
      std::cerr << "up to date at " << message->cursor() << "\n";
      continue;
    }
    const valetkey::v1::Event& event = message->event();
    std::cout << valetkey::v1::EventType_Name(event.type()) << " "
              << event.connection() << " generation " << event.generation()
              << std::endl;
    --left;
  }
}

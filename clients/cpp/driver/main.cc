#include <curl/curl.h>

#include <iostream>
#include <string>

#include "driver/driver.h"

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  {
    valetkey::client::Driver driver([](const nlohmann::json& answer) {
      std::cout << answer.dump() << std::endl;
    });
    std::string line;
    while (std::getline(std::cin, line)) {
      if (line.empty()) continue;
      const auto request = nlohmann::json::parse(line, nullptr, false);
      if (request.is_discarded() || !request.is_object()) {
        std::cerr << "not a JSON object: " << line << "\n";
        continue;
      }
      driver.Handle(request);
    }
  }
  curl_global_cleanup();
}

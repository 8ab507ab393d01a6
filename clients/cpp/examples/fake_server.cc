// A fake ValetKey to try the other examples with, until its input ends.
// Prints its address. Each line of input "TOKEN" is the next token of c-7.

#include <iostream>
#include <string>

#include "valetkey/testing/fake_valetkey.h"

int main() {
  valetkey::client::FakeValetKey fake;
  fake.SetToken("c-7", "secret");
  std::cout << fake.address() << std::endl;
  std::string token;
  while (std::getline(std::cin, token)) {
    std::cout << "generation " << fake.SetToken("c-7", token) << std::endl;
  }
}

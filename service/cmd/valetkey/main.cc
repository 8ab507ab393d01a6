#include <iostream>

#include "service/cmd/valetkey/shell.h"

int main(int argc, char** argv) {
  return valetkey::cli::Run(argc, argv, std::cin, std::cout, std::cerr);
}

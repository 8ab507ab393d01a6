// What the fake's lists and filters have in common.

#ifndef VALETKEY_CLIENT_SRC_TESTING_FAKE_PAGES_H_
#define VALETKEY_CLIENT_SRC_TESTING_FAKE_PAGES_H_

#include <grpcpp/support/status.h>

#include <string>
#include <vector>

#include "src/testing/fake_errors.h"

namespace valetkey::client::internal {

// Whether all of `wanted` is in `labels`.
template <typename Map>
bool HasLabels(const Map& labels, const Map& wanted) {
  for (const auto& [key, value] : wanted) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return true;
}

// One page of what is sorted by name. The token is the last name of the page
// before.
template <typename Item, typename Items>
grpc::Status FakePage(const std::vector<const Item*>& all, int page_size,
                      const std::string& page_token, Items* items,
                      std::string* next_page_token) {
  if (page_size < 0) {
    return FakeError(v1::FIELD_INVALID, {{"field", "page_size"}});
  }
  const int size = page_size == 0 ? 100 : page_size;
  for (const Item* item : all) {
    if (item->name() <= page_token) continue;
    if (items->size() == size) {
      *next_page_token = items->rbegin()->name();
      break;
    }
    *items->Add() = *item;
  }
  return grpc::Status::OK;
}

}  // namespace valetkey::client::internal

#endif  // VALETKEY_CLIENT_SRC_TESTING_FAKE_PAGES_H_

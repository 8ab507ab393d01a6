// A list of any length, walked as one sequence that fetches its pages as it
// goes.
//
//   for (const absl::StatusOr<v1::Connection>& connection :
//        client.WalkConnections(request)) {
//     if (!connection.ok()) return connection.status();
//     ...
//   }

#ifndef VALETKEY_PAGES_H_
#define VALETKEY_PAGES_H_

#include <cstddef>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace valetkey::client {

// Walked once, by one thread. An error is the last element.
template <typename T>
class Pages {
 public:
  struct Page {
    std::vector<T> items;
    std::string next;  // its token; empty after the last page
  };
  using Fetch = std::function<absl::StatusOr<Page>(const std::string& token)>;

  explicit Pages(Fetch fetch) : fetch_(std::move(fetch)) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = absl::StatusOr<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    reference operator*() const { return pages_->item_; }
    pointer operator->() const { return &pages_->item_; }
    Iterator& operator++() {
      if (!pages_->Advance()) pages_ = nullptr;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.pages_ == b.pages_;
    }
    friend bool operator!=(const Iterator& a, const Iterator& b) {
      return !(a == b);
    }

   private:
    friend class Pages;
    explicit Iterator(Pages* pages) : pages_(pages) {}
    Pages* pages_;
  };

  Iterator begin() { return Iterator(Advance() ? this : nullptr); }
  Iterator end() { return Iterator(nullptr); }

 private:
  // Makes item_ the next one; false if there is none.
  bool Advance() {
    while (position_ == page_.items.size()) {
      if (last_) return false;
      absl::StatusOr<Page> page = fetch_(page_.next);
      if (!page.ok()) {
        item_ = page.status();
        page_ = {};
        position_ = 0;
        last_ = true;
        return true;
      }
      page_ = *std::move(page);
      position_ = 0;
      last_ = page_.next.empty();
    }
    item_ = std::move(page_.items[position_++]);
    return true;
  }

  Fetch fetch_;
  Page page_;
  std::size_t position_ = 0;
  bool last_ = false;
  absl::StatusOr<T> item_ = absl::UnknownError("not fetched");
};

}  // namespace valetkey::client

#endif  // VALETKEY_PAGES_H_

#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace wengert::detail {

/// Numbers for whatever can be written as words: equal ones have the same, new ones the next.
class Numbering {
 public:
  using Words = std::vector<std::uint64_t>;

  std::uint32_t operator()(Words words);
  /// Gives words a number that is there already.
  void set(Words words, std::uint32_t number);

 private:
  std::map<Words, std::uint32_t> numbers_;
  std::uint32_t next_ = 0;
};

}  // namespace wengert::detail

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include <wengert/autograd/attributes.h>

namespace wengert::detail {

/// Numbers for whatever can be written as words: equal ones have the same, new ones the next.
class Numbering {
 public:
  using Words = std::vector<std::uint64_t>;

  std::uint32_t operator()(Words words);
  /// Gives words a number that is there already.
  void set(Words words, std::uint32_t number);

 private:
  struct Hash {
    std::size_t operator()(const Words& words) const;
  };

  std::unordered_map<Words, std::uint32_t, Hash> numbers_;
  std::uint32_t next_ = 0;
};

/// Attributes of calls of one operation, as words: their values, whose names and order it gives. And a shape, or
/// axes.
void add_words(Numbering::Words& words, const Attributes& attributes);
void add_words(Numbering::Words& words, std::span<const std::int64_t> numbers);

}  // namespace wengert::detail

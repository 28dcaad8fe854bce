#include <utility>

#include <wengert/autograd/internal/numbering.h>

namespace wengert::detail {

// FNV-1a, a word at a time, its upper half folded into the lower one, by which a table of 2ⁿ places would choose.
std::size_t Numbering::Hash::operator()(const Words& words) const {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint64_t word : words) {
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 32U;
  }
  return hash;
}

std::uint32_t Numbering::operator()(Words words) {
  const auto [found, added] = numbers_.try_emplace(std::move(words), next_);
  if (added) ++next_;
  return found->second;
}

void Numbering::set(Words words, std::uint32_t number) { numbers_[std::move(words)] = number; }

void add_words(Numbering::Words& words, const Attributes& attributes) {
  const std::string text = to_string(attributes);
  words.push_back(text.size());
  words.insert(words.end(), text.begin(), text.end());
}

void add_words(Numbering::Words& words, const Shape& shape) {
  words.push_back(shape.rank());
  words.insert(words.end(), shape.begin(), shape.end());
}

}  // namespace wengert::detail

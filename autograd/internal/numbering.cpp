#include <utility>

#include <wengert/autograd/internal/numbering.h>

namespace wengert::detail {

std::uint32_t Numbering::operator()(Words words) {
  const auto [found, added] = numbers_.emplace(std::move(words), next_);
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

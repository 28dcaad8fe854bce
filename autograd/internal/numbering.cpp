#include <utility>

#include <wengert/autograd/internal/numbering.h>

namespace wengert::detail {

std::uint32_t Numbering::operator()(Words words) {
  const auto [found, added] = numbers_.emplace(std::move(words), next_);
  if (added) ++next_;
  return found->second;
}

void Numbering::set(Words words, std::uint32_t number) { numbers_[std::move(words)] = number; }

}  // namespace wengert::detail

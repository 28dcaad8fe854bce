#include <bit>
#include <type_traits>
#include <utility>
#include <variant>

#include <wengert/autograd/internal/numbering.h>

namespace wengert::detail {
namespace {

void add_words(Numbering::Words& words, double number) { words.push_back(std::bit_cast<std::uint64_t>(number)); }
template <typename T>
requires std::is_integral_v<T> || std::is_enum_v<T>
void add_words(Numbering::Words& words, T value) { words.push_back(static_cast<std::uint64_t>(value)); }

}  // namespace

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
  for (const auto& [name, value] : attributes) {
    words.push_back(value.index());
    std::visit([&](const auto& held) { add_words(words, held); }, value);
  }
}

void add_words(Numbering::Words& words, std::span<const std::int64_t> numbers) {
  words.push_back(numbers.size());
  words.insert(words.end(), numbers.begin(), numbers.end());
}

}  // namespace wengert::detail

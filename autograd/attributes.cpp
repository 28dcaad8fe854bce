#include <atomic>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/kernels/memory.h>

namespace wengert {

/// The entries follow the header in the same pooled block.
struct Attributes::Block {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t count;

  static std::size_t bytes(std::size_t count) { return sizeof(Block) + count * sizeof(Entry); }
  Entry* entries() {
    static_assert(sizeof(Block) % alignof(Entry) == 0);
    return reinterpret_cast<Entry*>(this + 1);
  }
};

Attributes::Attributes(std::span<const Entry> entries) {
  if (entries.empty()) return;
  block_ = new (kernels::allocate(Block::bytes(entries.size()))) Block{{1}, static_cast<std::uint32_t>(entries.size())};
  for (std::size_t i = 0; i < entries.size(); ++i) new (block_->entries() + i) Entry(entries[i]);
}

void Attributes::share() noexcept { block_->references.fetch_add(1, std::memory_order_relaxed); }

void Attributes::release() noexcept {
  if (block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  kernels::deallocate(block_, Block::bytes(block_->count));  // entries are trivially destructible
}
static_assert(std::is_trivially_destructible_v<Attributes::Entry>);

std::span<const Attributes::Entry> Attributes::listed() const { return {block_->entries(), block_->count}; }

const AttributeValue& Attributes::find(const char* name) const {
  // An operation's own kernel asks by the literal of its definition.
  for (const Entry& entry : entries()) {
    if (entry.name == name) return entry.value;
  }
  for (const Entry& entry : entries()) {
    if (std::strcmp(entry.name, name) == 0) return entry.value;
  }
  throw ValueError(fmt::format("no attribute '{}'; given: {}", name, to_string(*this)));
}

void Attributes::wrong_kind(const char* name) {
  throw ValueError(fmt::format("attribute '{}' is of another kind", name));
}

namespace {
struct Printer {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const { return fmt::format("{}", value); }
  std::string operator()(DType value) const { return std::string(name_of(value)); }
  std::string operator()(const Ints& value) const { return to_string(std::span<const std::int64_t>(value)); }
};
}  // namespace

std::string to_string(const Attributes& attributes) {
  std::string text;
  for (const Attributes::Entry& entry : attributes) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", entry.name, std::visit(Printer{}, entry.value));
  }
  return text;
}

}  // namespace wengert

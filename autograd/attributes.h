#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include <wengert/autograd/kernels/dtype.h>
#include <wengert/autograd/shape.h>

namespace wengert {

/// One attribute of a record: a truth value, an integer, a number, a dtype, or up to eight integers (axes, a shape).
using AttributeValue = std::variant<bool, std::int64_t, double, DType, Ints>;

/// What an operation is told besides its inputs, as named plain data. Immutable; copies share.
class Attributes {
 public:
  struct Entry {
    const char* name;  ///< a string literal
    AttributeValue value;
  };

  Attributes() = default;
  Attributes(std::initializer_list<Entry> entries) : Attributes(std::span(entries.begin(), entries.size())) {}
  explicit Attributes(std::span<const Entry> entries);
  Attributes(const Attributes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) share();
  }
  Attributes(Attributes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Attributes& operator=(Attributes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Attributes() {
    if (block_ != nullptr) release();
  }

  std::size_t size() const { return entries().size(); }
  bool empty() const { return block_ == nullptr; }
  std::span<const Entry> entries() const { return empty() ? std::span<const Entry>() : listed(); }
  auto begin() const { return entries().begin(); }
  auto end() const { return entries().end(); }

  /// The attribute of that name. Throws ValueError where there is none, or it is of another kind.
  template <typename T>
  const T& get(const char* name) const {
    if (const T* value = std::get_if<T>(&find(name))) return *value;
    wrong_kind(name);
  }
  bool flag(const char* name) const { return get<bool>(name); }
  std::int64_t integer(const char* name) const { return get<std::int64_t>(name); }
  double number(const char* name) const { return get<double>(name); }
  const Ints& ints(const char* name) const { return get<Ints>(name); }

 private:
  struct Block;
  std::span<const Entry> listed() const;
  void share() noexcept;
  void release() noexcept;
  const AttributeValue& find(const char* name) const;
  [[noreturn]] static void wrong_kind(const char* name);
  Block* block_ = nullptr;
};

/// As printed beside an operation: "axes=[0, 1], keepdims=true".
std::string to_string(const Attributes& attributes);

}  // namespace wengert

#pragma once

#include <cstdint>
#include <span>

#include <wengert/autograd/internal/list.h>

/// The walk backward over the range of one tape.

namespace wengert::detail {

/// What a walk needs to know of a value, as bits.
struct Mark {
  static constexpr std::uint8_t depends = 1;  // on a variable asked for: nothing else is differentiated
  static constexpr std::uint8_t asked = 2;
  static constexpr std::uint8_t walked = 4;  // on a result of this tape's own walk, which it did not record
};

class Marks {
 public:
  Marks(const List& list, std::uint8_t level, std::span<const std::uint32_t> xs);

  std::uint8_t operator[](std::uint32_t value) const {
    return value >= first_value_ ? marks_[value - first_value_] : std::uint8_t{0};
  }
  std::size_t size() const { return marks_.size(); }

 private:
  void add(std::uint32_t value, std::uint8_t bits);
  void pass_on(const List& list, const StoredRecord& record);

  std::uint32_t first_value_;
  kernels::PoolVector<std::uint8_t> marks_;
};

/// The state of one walk: the adjoints found so far. Operations that rules apply may lengthen the list meanwhile.
class Walk {
 public:
  Walk(List& list, std::uint8_t level, std::span<const std::uint32_t> xs);

  const Marks& marks() const { return marks_; }
  /// Walks from a value with its adjoint to the beginning of the tape.
  void run(std::uint32_t from, Tensor first);
  /// What was found for a value asked for; undefined where it took no part.
  Tensor& adjoint(std::uint32_t value) { return adjoints_[value - range_.first_value]; }

 private:
  void visit(const StoredRecord& record);

  List& list_;
  const OpenTape range_;
  const std::uint8_t level_;
  const Marks marks_;
  kernels::PoolVector<Tensor> adjoints_;
  kernels::PoolVector<Vjp::Place> places_;  // of the record at work
};

}  // namespace wengert::detail

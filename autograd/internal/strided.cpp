#include <cstring>
#include <type_traits>

#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/strided.h>

namespace wengert::detail {
namespace {

struct Odometer {
  const StridedCopy& copy;
  std::size_t axes;  // those before the innermost
  Ints index = {};
  std::int64_t from = 0, to = 0;

  Odometer(const StridedCopy& given, std::size_t count)
      : copy(given), axes(count), from(given.from_offset), to(given.to_offset) {
    for (std::size_t axis = 0; axis < axes; ++axis) index.push_back(0);
  }

  void advance() {
    for (std::size_t axis = axes; axis-- > 0;) {
      from += copy.from_strides[axis];
      to += copy.to_strides[axis];
      if (++index[axis] < copy.shape[axis]) return;
      from -= copy.from_strides[axis] * copy.shape[axis];
      to -= copy.to_strides[axis] * copy.shape[axis];
      index[axis] = 0;
    }
  }
};

template <typename T>
void copy_elements(const StridedCopy& copy, const T* from, T* to) {
  const std::size_t rank = copy.shape.rank();
  const std::int64_t run = rank == 0 ? 1 : copy.shape.back();
  const std::int64_t from_step = rank == 0 ? 1 : copy.from_strides.back(),
                     to_step = rank == 0 ? 1 : copy.to_strides.back();
  Odometer at(copy, rank == 0 ? 0 : rank - 1);
  for (std::int64_t left = copy.shape.elements() / run; left > 0; --left, at.advance()) {
    if (from_step == 1 && to_step == 1) {
      std::memcpy(to + at.to, from + at.from, static_cast<std::size_t>(run) * sizeof(T));
    } else {
      for (std::int64_t i = 0; i < run; ++i) to[at.to + i * to_step] = from[at.from + i * from_step];
    }
  }
}

}  // namespace

void StridedCopy::operator()(const Tensor& from, Tensor& to) const {
  if (shape.elements() == 0) return;
  dispatch(from.dtype(), [&](auto type) {
    using T = decltype(type);
    copy_elements(*this, static_cast<const T*>(Access::elements(from)), static_cast<T*>(Access::elements(to)));
  });
}

std::int64_t extent_product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t axis = begin; axis < end; ++axis) product *= shape[axis];
  return product;
}

}  // namespace wengert::detail

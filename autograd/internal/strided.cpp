#include <algorithm>
#include <array>
#include <cstring>

#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/kernels/threads.h>

namespace wengert::detail {
namespace {

/// In multiply-adds (kernels/threads.h): of what is read and written somewhere in memory.
constexpr double cost_of_element = 20;

/// One axis to copy along: how many elements, and how far they are from one to the next on either side.
struct Axis {
  std::int64_t extent = 1, from = 0, to = 0;
};

/// The same copy along as few axes as can be: those of one element are left out, those that continue each other joined.
struct Loops {
  std::array<Axis, max_rank> axes{};
  std::size_t count = 0;

  explicit Loops(const StridedCopy& copy) {
    for (std::size_t i = 0; i < copy.shape.rank(); ++i) {
      const Axis axis{copy.shape[i], copy.from_strides[i], copy.to_strides[i]};
      if (axis.extent == 1) continue;
      Axis* const outer = count == 0 ? nullptr : &axes[count - 1];
      if (outer != nullptr && outer->from == axis.from * axis.extent && outer->to == axis.to * axis.extent) {
        *outer = {outer->extent * axis.extent, axis.from, axis.to};
      } else {
        axes[count++] = axis;
      }
    }
  }

  Loops with_outermost(std::int64_t extent) const {
    Loops result = *this;
    result.axes[0].extent = extent;
    return result;
  }

  Axis take_last() { return count == 0 ? Axis{1, 1, 1} : axes[--count]; }

  /// Takes out the axis along which neighbours are read, if there is one: what a transposition needs.
  Axis take_contiguous_source() {
    const auto end = axes.begin() + static_cast<std::ptrdiff_t>(count);
    const auto found = std::find_if(axes.begin(), end, [](const Axis& axis) { return axis.from == 1; });
    if (found == end) return {};
    const Axis axis = *found;
    std::copy(found + 1, end, found);
    --count;
    return axis;
  }

  /// Calls f(offset in `from`, offset in `to`) for every index of the axes left.
  template <typename F>
  void for_each(F f) const {
    std::array<std::int64_t, max_rank> index{};
    std::int64_t from = 0, to = 0;
    for (;;) {
      f(from, to);
      std::size_t i = count;
      for (; i > 0; --i) {
        const Axis& axis = axes[i - 1];
        from += axis.from;
        to += axis.to;
        if (++index[i - 1] < axis.extent) break;
        from -= axis.from * axis.extent;
        to -= axis.to * axis.extent;
        index[i - 1] = 0;
      }
      if (i == 0) return;
    }
  }
};

template <typename T>
void copy_run(const T* from, T* to, const Axis& axis) {
  if (axis.to == 1 && axis.from == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(axis.extent) * sizeof(T));
  } else if (axis.to == 1 && axis.from == 0) {
    std::fill_n(to, axis.extent, *from);
  } else {
    for (std::int64_t i = 0; i < axis.extent; ++i) to[i * axis.to] = from[i * axis.from];
  }
}

/// Square by square, so that the cache lines of both sides are used whole.
template <typename T>
void copy_plane(const T* from, T* to, const Axis& rows, const Axis& columns) {
  constexpr std::int64_t side = 16;
  for (std::int64_t i = 0; i < rows.extent; i += side) {
    const std::int64_t height = std::min(side, rows.extent - i);
    for (std::int64_t j = 0; j < columns.extent; j += side) {
      const Axis run{std::min(side, columns.extent - j), columns.from, columns.to};
      for (std::int64_t r = i; r < i + height; ++r) {
        copy_run(from + r * rows.from + j * columns.from, to + r * rows.to + j * columns.to, run);
      }
    }
  }
}

template <typename T>
void copy(const T* source, T* target, Loops loops) {
  const Axis last = loops.take_last();
  const Axis rows = last.from == 0 || last.from == 1 ? Axis{} : loops.take_contiguous_source();
  loops.for_each([&](std::int64_t read, std::int64_t written) {
    if (rows.extent == 1) return copy_run(source + read, target + written, last);
    copy_plane(source + read, target + written, rows, last);
  });
}

}  // namespace

void StridedCopy::operator()(const Tensor& from, Tensor& to) const {
  if (shape.elements() == 0) return;
  const Loops loops(*this);
  const Axis outermost = loops.count == 0 ? Axis{} : loops.axes[0];
  const double work = kernels::work_of(cost_of_element, shape.elements(), size_of(from.dtype()));
  kernels::parallel_ranges(outermost.extent, 1, work, [&](std::int64_t begin, std::int64_t end) {
    dispatch(from.dtype(), [&](auto type) {
      using T = decltype(type);
      copy(static_cast<const T*>(Access::elements(from)) + from_offset + begin * outermost.from,
           static_cast<T*>(Access::elements(to)) + to_offset + begin * outermost.to, loops.with_outermost(end - begin));
    });
  });
}

bool is_view(const View& view, const Shape& from, const Shape& to) {
  const bool is_window = !view.low.empty();
  const std::size_t rank = to.rank(), bounds = is_window ? rank : 0;
  if (view.strides.size() != rank || view.low.size() != bounds || view.high.size() != bounds) return false;
  std::int64_t least = view.first, most = view.first;
  bool is_empty = to.elements() == 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t low = is_window ? view.low[axis] : 0, high = is_window ? view.high[axis] : to[axis];
    if (low < 0 || low > high || high > to[axis]) return false;
    is_empty = is_empty || low == high;
    const std::int64_t reach = (high - low - 1) * view.strides[axis];
    (reach < 0 ? least : most) += reach;
  }
  return is_empty || (least >= 0 && most < from.elements());
}

void copy_view(const View& view, const Tensor& from, Tensor& to) {
  const Ints own = row_major_strides(to.shape());
  if (view.low.empty()) return StridedCopy{to.shape(), view.strides, own, view.first, 0}(from, to);
  stretch(scalar(view.outside, to.dtype()), to);
  Ints extents = view.high;
  std::int64_t first = 0;
  for (std::size_t axis = 0; axis < extents.size(); ++axis) {
    extents[axis] -= view.low[axis];
    first += view.low[axis] * own[axis];
  }
  StridedCopy{Shape(extents), view.strides, own, view.first, first}(from, to);
}

View permutation(const Shape& shape, const Ints& order) {
  const Ints own = row_major_strides(shape);
  View view;
  for (const std::int64_t axis : order) view.strides.push_back(own[static_cast<std::size_t>(axis)]);
  return view;
}

Ints inverse_order(const Ints& order) {
  Ints inverse = order;
  for (std::size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  return inverse;
}

Shape permuted(const Shape& shape, const Ints& order) {
  Ints extents;
  for (const std::int64_t axis : order) extents.push_back(shape[static_cast<std::size_t>(axis)]);
  return Shape(extents);
}

std::int64_t extent_product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t axis = begin; axis < end; ++axis) product *= shape[axis];
  return product;
}

}  // namespace wengert::detail

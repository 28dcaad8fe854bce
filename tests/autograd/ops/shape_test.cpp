#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <support/plain.h>
#include <support/tensors.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Operations that only move elements: each is a table of where every element comes from.

namespace wengert {
namespace {

using plain::at;
using plain::Index;

/// Calls f with a value of each element type.
template <typename F>
void for_each_type(F f) {
  for (const DType dtype : plain::all_dtypes) {
    SCOPED_TRACE(std::string(name_of(dtype)));
    dispatch(dtype, f);
  }
}

/// The tensor that holds f(index) at each index.
template <typename T, typename F>
Tensor tabulate(const Shape& shape, F f) {
  return plain::tensor_of(shape, dtype_of<T>, f);
}

/// Those that every test goes over, and some larger than the tiles that copies are made in.
std::vector<Shape> shapes() {
  std::vector<Shape> result = plain::shapes;
  result.insert(result.end(), {{17, 33}, {20, 40}, {2, 3, 4, 5, 2}, {33, 2, 17}});
  return result;
}

template <typename T>
const void* memory_of(const Tensor& x) {
  return x.data<T>().data();
}

Tensor transposed(const Tensor& x, const Ints& order) {
  Ints extents;
  for (const std::int64_t axis : order) extents.push_back(x.shape()[static_cast<std::size_t>(axis)]);
  return dispatch(x.dtype(), [&](auto type) {
    using T = decltype(type);
    return tabulate<T>(Shape(extents), [&](const Index& index) {
      Index from(index.size());
      for (std::size_t i = 0; i < index.size(); ++i) from[static_cast<std::size_t>(order[i])] = index[i];
      return at<T>(x, from);
    });
  });
}

TEST(Reshape, SharesTheElementsAndWorksOutOneExtent) {
  for_each_type([](auto type) {
    using T = decltype(type);
    const Tensor x = plain::counting({4, 6}, dtype_of<T>);
    for (const Tensor& y : {reshape(x, {3, -1}), x.reshape({8, 3}), squeeze(reshape(x, {1, 8, 1, 3}), {0, 2}),
                            reshape(unsqueeze(x, {0, -1}), {8, 3})}) {
      EXPECT_EQ(memory_of<T>(y), memory_of<T>(x));
      EXPECT_EQ(y.shape(), (Shape{y.shape()[0], 24 / y.shape()[0]}));
    }
  });
  EXPECT_EQ(reshape(zeros({0, 3}), {3, -1}).shape(), (Shape{3, 0}));
  EXPECT_EQ(reshape(Tensor(1.5), {1, -1, 1}).shape(), (Shape{1, 1, 1}));
  EXPECT_EQ(reshape(Tensor({1.5}), {}).shape(), Shape{});
}

TEST(Squeeze, LeavesOutAxesOfExtentOne) {
  const Tensor x = zeros({1, 3, 1, 0, 1});
  EXPECT_EQ(squeeze(x).shape(), (Shape{3, 0}));
  EXPECT_EQ(squeeze(x, {-1, 0}).shape(), (Shape{3, 1, 0}));
  EXPECT_EQ(squeeze(ones({1, 1})).shape(), Shape{});
  EXPECT_EQ(squeeze(Tensor(2)).shape(), Shape{});
}

TEST(Unsqueeze, PutsAxesWhereTheResultHasThem) {
  const Tensor x = zeros({3, 0});
  EXPECT_EQ(unsqueeze(x, {0}).shape(), (Shape{1, 3, 0}));
  EXPECT_EQ(unsqueeze(x, {-1}).shape(), (Shape{3, 0, 1}));
  EXPECT_EQ(unsqueeze(x, {3, 0}).shape(), (Shape{1, 3, 0, 1}));
  EXPECT_EQ(unsqueeze(x, {-1, 1}).shape(), (Shape{3, 1, 0, 1}));
  EXPECT_EQ(unsqueeze(Tensor(2), {0, 1, 2, 3, 4, 5, 6, 7}).rank(), 8U);
}

TEST(Transpose, PutsEveryElementInItsPlaceWhateverTheOrder) {
  for_each_type([](auto type) {
    using T = decltype(type);
    for (const Shape& shape : shapes()) {
      SCOPED_TRACE(to_string(shape));
      const Tensor x = plain::counting(shape, dtype_of<T>);
      Ints reversed;
      for (std::size_t axis = shape.rank(); axis-- > 0;) reversed.push_back(static_cast<std::int64_t>(axis));
      EXPECT_TRUE(same_bits(transpose(x), transposed(x, reversed)));
      std::vector<std::int64_t> order(shape.rank());
      std::iota(order.begin(), order.end(), 0);
      for (int tried = 0; tried < 30; ++tried) {
        const Ints axes{std::span<const std::int64_t>(order)};
        EXPECT_TRUE(same_bits(transpose(x, axes), transposed(x, axes))) << to_string(axes);
        if (!std::next_permutation(order.begin(), order.end())) break;
      }
    }
  });
  const Tensor x = plain::counting({2, 3, 4}, DType::f32);
  EXPECT_TRUE(same_bits(transpose(x, {0, -1, -2}), transposed(x, {0, 2, 1})));
}

TEST(Transpose, UndoesItself) {
  const Tensor x = plain::counting({130, 77}, DType::f64);
  EXPECT_TRUE(same_bits(transpose(transpose(x)), x));
}

TEST(BroadcastTo, RepeatsAlongNewAxesAndThoseOfExtentOne) {
  struct Case {
    Shape from, to;
  };
  for (const Case& c :
       {Case{{}, {3, 4}}, Case{{1}, {5}}, Case{{3}, {2, 3}}, Case{{3, 1}, {3, 4}}, Case{{3, 1}, {2, 3, 4}},
        Case{{1, 4}, {3, 4}}, Case{{2, 1, 3, 1}, {2, 5, 3, 2}}, Case{{3, 4}, {3, 4}}, Case{{1}, {0}},
        Case{{1, 3}, {0, 3}}, Case{{}, {}}, Case{{0, 1}, {2, 0, 3}}}) {
    SCOPED_TRACE(to_string(c.from) + " to " + to_string(c.to));
    for_each_type([&](auto type) {
      using T = decltype(type);
      const Tensor x = plain::counting(c.from, dtype_of<T>);
      const Tensor expected = tabulate<T>(c.to, [&](const Index& index) {
        Index from(index.end() - static_cast<std::ptrdiff_t>(c.from.rank()), index.end());
        for (std::size_t i = 0; i < from.size(); ++i) from[i] = c.from[i] == 1 ? 0 : from[i];
        return at<T>(x, from);
      });
      EXPECT_TRUE(same_bits(broadcast_to(x, c.to), expected));
    });
  }
}

TEST(Concat, PutsAnyNumberOfTensorsOneBehindTheOther) {
  for_each_type([](auto type) {
    using T = decltype(type);
    for (std::int64_t axis : {0, 1, 2}) {
      for (const std::vector<std::int64_t>& extents :
           {std::vector<std::int64_t>{3}, {1, 2}, {2, 0, 3, 1}, {0, 0}, std::vector<std::int64_t>(40, 1)}) {
        std::vector<Tensor> parts;
        std::vector<std::pair<std::size_t, std::int64_t>> source;  // of each index along the axis: which part, where
        for (const std::int64_t extent : extents) {
          Ints shape{2, 3, 2};
          shape[static_cast<std::size_t>(axis)] = extent;
          for (std::int64_t i = 0; i < extent; ++i) source.emplace_back(parts.size(), i);
          parts.push_back(plain::counting(Shape(shape), dtype_of<T>, 100 * static_cast<std::int64_t>(parts.size())));
        }
        Ints whole{2, 3, 2};
        whole[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(source.size());
        const Tensor expected = tabulate<T>(Shape(whole), [&](Index index) {
          const auto [part, place] = source[static_cast<std::size_t>(index[static_cast<std::size_t>(axis)])];
          index[static_cast<std::size_t>(axis)] = place;
          return at<T>(parts[part], index);
        });
        EXPECT_TRUE(same_bits(concat(parts, axis), expected));
        EXPECT_TRUE(same_bits(concat(parts, axis - 3), expected));
      }
    }
  });
}

TEST(Concat, GivesEachOfManyInputsItsPartOfTheGradient) {
  Tape tape;
  std::vector<Tensor> parts;
  parts.reserve(100);
  for (int i = 0; i < 100; ++i) parts.push_back(tape.watch(Tensor({double(i), 1.0})));
  const Tensor weights = arange(0, 200, 1, DType::f64);
  const std::vector<Tensor> gradients = tape.gradient(sum(concat(parts) * weights), parts);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_TRUE(same_bits(gradients[i], Tensor({2.0 * double(i), 2.0 * double(i) + 1})));
  }
}

TEST(Split, GivesThePartsThatConcatMakesOne) {
  for_each_type([](auto type) {
    using T = decltype(type);
    for (std::int64_t axis : {0, 1, 2}) {
      for (const std::int64_t sections : {1, 2, 3}) {
        Ints shape{2, 3, 2};
        std::vector<Tensor> parts;
        for (std::int64_t i = 0; i < sections; ++i)
          parts.push_back(plain::counting(Shape(shape), dtype_of<T>, 100 * i));
        for (const std::int64_t same_axis : {axis, axis - 3}) {
          const std::vector<Tensor> again = split(concat(parts, axis), sections, same_axis);
          ASSERT_EQ(again.size(), parts.size());
          for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_TRUE(same_bits(again[i], parts[i]));
        }
      }
    }
  });
}

TEST(Split, GivesZerosForPartsThatTookNoPart) {
  Tape tape;
  const Tensor x = tape.watch(arange(0, 6, 1, DType::f64));
  const std::vector<Tensor> parts = split(x, 3);
  EXPECT_TRUE(same_bits(tape.gradient(sum(parts[2] * parts[0]), x), Tensor({4.0, 5.0, 0.0, 0.0, 0.0, 1.0})));
}

TEST(Stack, PutsTensorsSideBySideAlongANewAxis) {
  const Tensor a = plain::counting({2, 3}, DType::f32), b = plain::counting({2, 3}, DType::f32, 100);
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    Ints shape;
    for (std::int64_t i = 0, from = 0; i < 3; ++i)
      shape.push_back(i == axis ? 2 : Ints{2, 3}[static_cast<std::size_t>(from++)]);
    const Tensor expected = tabulate<float>(Shape(shape), [&](Index index) {
      const bool second = index[static_cast<std::size_t>(axis)] == 1;
      index.erase(index.begin() + axis);
      return at<float>(second ? b : a, index);
    });
    EXPECT_TRUE(same_bits(stack({a, b}, axis), expected));
    EXPECT_TRUE(same_bits(stack({a, b}, axis - 3), expected));
  }
  EXPECT_TRUE(same_bits(stack({Tensor(1), Tensor(2)}), Tensor({1, 2})));
  EXPECT_EQ(stack({zeros({0}), zeros({0})}, 1).shape(), (Shape{0, 2}));
}

/// What NumPy's x[start:stop:step] takes along an axis of extent n.
std::vector<std::int64_t> sliced(std::int64_t n, std::int64_t start, std::int64_t stop, std::int64_t step) {
  const auto place = [n](std::int64_t index) { return std::clamp<std::int64_t>(index < 0 ? index + n : index, 0, n); };
  std::vector<std::int64_t> taken;
  for (std::int64_t i = place(start); i < place(stop); i += step) taken.push_back(i);
  return taken;
}

RC_GTEST_PROP(Slice, TakesWhatNumPyTakes, ()) {
  const auto n = *rc::gen::inRange<std::int64_t>(0, 9), m = *rc::gen::inRange<std::int64_t>(0, 5);
  const auto bound = rc::gen::inRange<std::int64_t>(-12, 13);
  const auto start0 = *bound, stop0 = *bound, start1 = *bound, stop1 = *bound;
  const auto step0 = *rc::gen::inRange<std::int64_t>(1, 11), step1 = *rc::gen::inRange<std::int64_t>(1, 4);
  const auto rows = sliced(n, start0, stop0, step0), columns = sliced(m, start1, stop1, step1);
  const Tensor x = plain::counting({n, m}, DType::f64);
  const Shape shape{static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns.size())};
  const Tensor expected = tabulate<double>(shape, [&](const Index& i) {
    return at<double>(x, {rows[static_cast<std::size_t>(i[0])], columns[static_cast<std::size_t>(i[1])]});
  });
  RC_ASSERT(same_bits(slice(x, {start0, start1}, {stop0, stop1}, {step0, step1}), expected));
  // What embed puts back is where it came from, and nothing else is there.
  Tape tape;
  const Tensor v = tape.watch(x);
  const Tensor gradient = tape.gradient(sum(slice(v, {start0, start1}, {stop0, stop1}, {step0, step1})), v);
  const Tensor taken = tabulate<double>({n, m}, [&](const Index& i) {
    return std::count(rows.begin(), rows.end(), i[0]) * std::count(columns.begin(), columns.end(), i[1]) == 1 ? 1.0
                                                                                                              : 0.0;
  });
  RC_ASSERT(same_bits(gradient, taken));
}

TEST(Slice, GoesAnywhereWithoutOverflow) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  const Tensor x({1, 2, 3, 4});
  EXPECT_TRUE(same_bits(slice(x, {least}, {most}, {most}), Tensor({1})));
  EXPECT_TRUE(same_bits(slice(x, {1}, {most}, {3}), Tensor({2})));
  EXPECT_TRUE(same_bits(slice(x, {1}, {most}, {2}), Tensor({2, 4})));
  EXPECT_EQ(slice(x, {most}, {least}).shape(), Shape{0});
  EXPECT_TRUE(same_bits(slice(Tensor(7), {}, {}), Tensor(7)));
  EXPECT_TRUE(same_bits(embed(Tensor({5}), {3}, {2}, {most}), Tensor({0, 0, 5})));
  EXPECT_THROW(embed(Tensor({5, 6}), {3}, {1}, {most}), ShapeError);
  EXPECT_THROW(pad(x, {most}, {most}), ShapeError);
}

TEST(Pad, SurroundsWithAValueOfTheDType) {
  for_each_type([](auto type) {
    using T = decltype(type);
    const Tensor x = plain::counting({2, 3}, dtype_of<T>);
    const auto value = static_cast<T>(1);
    const Tensor expected = tabulate<T>({5, 4}, [&](const Index& i) {
      const bool inside = i[0] >= 1 && i[0] < 3 && i[1] < 3;
      return inside ? at<T>(x, {i[0] - 1, i[1]}) : value;
    });
    EXPECT_TRUE(same_bits(pad(x, {1, 0}, {2, 1}, 1), expected));
    EXPECT_TRUE(same_bits(pad(x, {0, 0}, {0, 0}), x));
    EXPECT_TRUE(same_bits(pad(zeros({0, 2}, dtype_of<T>), {1, 0}, {0, 0}, 1), ones({1, 2}, dtype_of<T>)));
  });
  EXPECT_TRUE(same_bits(pad(Tensor(2.5), {}, {}), Tensor(2.5)));
  constexpr float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(pad(Tensor({1.0F}), {1}, {0}, -infinity).data<float>()[0], -infinity);
}

TEST(Embed, PutsElementsApart) {
  EXPECT_TRUE(same_bits(embed(Tensor({1, 2, 3}), {8}, {1}, {3}, 9), Tensor({9, 1, 9, 9, 2, 9, 9, 3})));
  EXPECT_TRUE(same_bits(embed(Tensor({{1}, {2}}), {3, 2}, {0, 1}, {2, 1}), Tensor({0, 1, 0, 0, 0, 2}, {3, 2})));
}

TEST(Flip, ReversesTheAxesGiven) {
  for_each_type([](auto type) {
    using T = decltype(type);
    for (const Shape& shape : shapes()) {
      SCOPED_TRACE(to_string(shape));
      const Tensor x = plain::counting(shape, dtype_of<T>);
      const auto expected = [&](const std::vector<std::size_t>& axes) {
        return tabulate<T>(shape, [&](Index index) {
          for (const std::size_t axis : axes) index[axis] = shape[axis] - 1 - index[axis];
          return at<T>(x, index);
        });
      };
      std::vector<std::size_t> all(shape.rank());
      std::iota(all.begin(), all.end(), 0U);
      EXPECT_TRUE(same_bits(flip(x), expected(all)));
      if (shape.rank() < 3) continue;
      EXPECT_TRUE(same_bits(flip(x, {-1}), expected({shape.rank() - 1})));
      EXPECT_TRUE(same_bits(flip(x, {2, 0}), expected({0, 2})));
    }
  });
}

TEST(StopGradient, SharesTheElementsAndPassesNoGradient) {
  const Tensor x = plain::counting({3}, DType::f64);
  EXPECT_EQ(memory_of<double>(stop_gradient(x)), memory_of<double>(x));
  Tape tape;
  const Tensor v = tape.watch(x);
  EXPECT_TRUE(same_bits(tape.gradient(sum(stop_gradient(v) * v), v), x));
}

}  // namespace
}  // namespace wengert

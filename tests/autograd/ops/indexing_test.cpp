#include <cstdint>
#include <string>
#include <vector>

#include "support/message_of.h"
#include <gtest/gtest.h>
#include <support/plain.h>
#include <support/tensors.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// What takes indices, against loops that look every element up.

namespace wengert {
namespace {

using plain::Index;

/// Indices of every kind for n places: each at least twice, in no order, and as many from the end where the dtype has a
/// sign.
Tensor indices_for(const Shape& shape, std::int64_t n, DType dtype) {
  std::int64_t next = 3;
  return plain::tensor_of(shape, dtype, [&](const Index&) {
    next = (next * 7 + 5) % 101;
    return dtype == DType::u8 || next % 2 == 0 ? next % n : next % n - n;
  });
}

std::int64_t from_front(std::int64_t index, std::int64_t n) { return index < 0 ? index + n : index; }

Shape with_extent(const Shape& shape, std::size_t axis, std::int64_t extent) {
  Ints extents(shape);
  extents[axis] = extent;
  return Shape(extents);
}

/// Calls f(x, axis as given, axis, number of places) for every shape, number dtype and axis, from the front and from
/// the end.
template <typename F>
void for_each_axis(const std::vector<DType>& dtypes, F f) {
  for (const Shape& shape : plain::shapes) {
    const auto rank = static_cast<std::int64_t>(shape.rank());
    for (const DType dtype : dtypes) {
      for (std::int64_t axis = -rank; axis < rank; ++axis) {
        const auto along = static_cast<std::size_t>(from_front(axis, rank));
        f(plain::counting(shape, dtype), axis, along, shape[along]);
      }
    }
  }
}

TEST(Gather, ReadsAlongEveryAxis) {
  for (const DType index_dtype : plain::integer_dtypes) {
    for_each_axis(plain::all_dtypes, [&](const Tensor& x, std::int64_t axis, std::size_t along, std::int64_t n) {
      for (const std::int64_t count : {0, 1, 5}) {
        if (n == 0 && count > 0) continue;
        const Tensor indices = indices_for(with_extent(x.shape(), along, count), n, index_dtype);
        SCOPED_TRACE(plain::text(x, {{"axis", axis}}) + " at " + plain::text(indices));
        const Tensor expected = plain::tensor_of(indices.shape(), x.dtype(), [&](Index index) {
          index[along] = from_front(plain::at<std::int64_t>(indices, index), n);
          return plain::at<std::int64_t>(x, index);
        });
        EXPECT_TRUE(same_bits(gather(x, indices, axis), expected));
      }
    });
  }
}

/// The place in the result of `take` (or in the updates of `index_add`) apart: the place in x but for the axis, and the
/// index.
struct TakenPlace {
  Index in_x, in_indices;

  TakenPlace(const Index& index, std::size_t axis, std::size_t index_rank) {
    const auto begin = index.begin() + static_cast<std::ptrdiff_t>(axis),
               end = begin + static_cast<std::ptrdiff_t>(index_rank);
    in_x.assign(index.begin(), begin);
    in_x.push_back(0);
    in_x.insert(in_x.end(), end, index.end());
    in_indices.assign(begin, end);
  }
};

Shape taken_shape(const Shape& x, std::size_t axis, const Shape& indices) {
  Ints extents;
  for (std::size_t i = 0; i < axis; ++i) extents.push_back(x[i]);
  for (const std::int64_t extent : indices) extents.push_back(extent);
  for (std::size_t i = axis + 1; i < x.rank(); ++i) extents.push_back(x[i]);
  return Shape(extents);
}

const std::vector<Shape> index_shapes = {{}, {0}, {1}, {6}, {2, 3}, {1, 2, 1}};

TEST(Take, ReadsSlicesAlongEveryAxis) {
  for (const DType index_dtype : plain::integer_dtypes) {
    for_each_axis(plain::all_dtypes, [&](const Tensor& x, std::int64_t axis, std::size_t along, std::int64_t n) {
      for (const Shape& shape : index_shapes) {
        if ((n == 0 && shape.elements() > 0) || x.rank() - 1 + shape.rank() > max_rank) continue;
        const Tensor indices = indices_for(shape, n, index_dtype);
        SCOPED_TRACE(plain::text(x, {{"axis", axis}}) + " at " + plain::text(indices));
        const Shape expected_shape = taken_shape(x.shape(), along, shape);
        const Tensor expected = plain::tensor_of(expected_shape, x.dtype(), [&](const Index& index) {
          TakenPlace place(index, along, shape.rank());
          place.in_x[along] = from_front(plain::at<std::int64_t>(indices, place.in_indices), n);
          return plain::at<std::int64_t>(x, place.in_x);
        });
        EXPECT_TRUE(same_bits(take(x, indices, axis), expected));
      }
    });
  }
}

/// x with each update added at its place; integers wrap as they are converted.
template <typename F>
Tensor added(const Tensor& x, const Tensor& updates, F place_of) {
  std::vector<std::int64_t> sums;
  plain::for_each_index(x.shape(), [&](const Index& index) { sums.push_back(plain::at<std::int64_t>(x, index)); });
  plain::for_each_index(updates.shape(), [&](const Index& index) {
    sums[plain::place(x.shape(), place_of(index))] += plain::at<std::int64_t>(updates, index);
  });
  std::size_t next = 0;
  return plain::tensor_of(x.shape(), x.dtype(), [&](const Index&) { return sums[next++]; });
}

TEST(ScatterAdd, AddsEveryUpdateAlongEveryAxis) {
  for (const DType index_dtype : plain::integer_dtypes) {
    for_each_axis(plain::number_dtypes, [&](const Tensor& x, std::int64_t axis, std::size_t along, std::int64_t n) {
      for (const std::int64_t count : {0, 1, 5}) {
        if (n == 0 && count > 0) continue;
        const Tensor indices = indices_for(with_extent(x.shape(), along, count), n, index_dtype);
        const Tensor updates = plain::small_numbers(indices.shape(), x.dtype(), 4);
        SCOPED_TRACE(plain::text(x, {{"axis", axis}}) + " at " + plain::text(indices));
        const Tensor expected = added(x, updates, [&](Index index) {
          index[along] = from_front(plain::at<std::int64_t>(indices, index), n);
          return index;
        });
        EXPECT_TRUE(same_bits(scatter_add(x, indices, updates, axis), expected));
      }
    });
  }
}

TEST(IndexAdd, AddsEverySliceAlongEveryAxis) {
  for (const DType index_dtype : plain::integer_dtypes) {
    for_each_axis(plain::number_dtypes, [&](const Tensor& x, std::int64_t axis, std::size_t along, std::int64_t n) {
      for (const Shape& shape : index_shapes) {
        if ((n == 0 && shape.elements() > 0) || x.rank() - 1 + shape.rank() > max_rank) continue;
        const Tensor indices = indices_for(shape, n, index_dtype);
        const Tensor updates = plain::small_numbers(taken_shape(x.shape(), along, shape), x.dtype(), 4);
        SCOPED_TRACE(plain::text(x, {{"axis", axis}}) + " at " + plain::text(indices));
        const Tensor expected = added(x, updates, [&](const Index& index) {
          TakenPlace place(index, along, shape.rank());
          place.in_x[along] = from_front(plain::at<std::int64_t>(indices, place.in_indices), n);
          return place.in_x;
        });
        EXPECT_TRUE(same_bits(index_add(x, indices, updates, axis), expected));
      }
    });
  }
}

// Order shows in floating numbers: 1e16 + 1 + 1 is 1e16, but 1 + 1 + 1e16 is more.
TEST(ScatterAdd, AddsRepeatedUpdatesInOrder) {
  const Tensor places({0, 0, 0}), updates({1.0, 1.0, 1e16});
  EXPECT_EQ(scatter_add(Tensor({0.0}), places, updates).item(), 1e16 + 2);
  EXPECT_EQ(index_add(Tensor({0.0}), places, updates).item(), 1e16 + 2);
  EXPECT_EQ(scatter_add(Tensor({0.0}), places, flip(updates)).item(), 1e16);
  const std::uint8_t most = 255;
  EXPECT_EQ(scatter_add(Tensor({most}), Tensor({0}), Tensor({std::uint8_t{2}})).item<int>(), 1);
}

TEST(OneHot, MarksTheIndexInARowOfEveryDType) {
  for (const DType index_dtype : plain::integer_dtypes) {
    for (const DType dtype : plain::all_dtypes) {
      for (const Shape& shape : plain::shapes) {
        if (shape.rank() == max_rank) continue;
        for (const std::int64_t depth : {1, 4}) {
          const Tensor labels = plain::tensor_of(shape, index_dtype, [&](const Index& index) {
            std::int64_t sum = 0;
            for (const std::int64_t i : index) sum += i;
            return sum % depth;
          });
          SCOPED_TRACE(plain::text(labels, {{"depth", depth}, {"dtype", dtype}}));
          Ints extents(shape);
          extents.push_back(depth);
          const Tensor expected = plain::tensor_of(Shape(extents), dtype, [&](Index index) {
            const std::int64_t place = index.back();
            index.pop_back();
            return plain::at<std::int64_t>(labels, index) == place ? 1 : 0;
          });
          EXPECT_TRUE(same_bits(one_hot(labels, depth, dtype), expected));
        }
      }
    }
  }
  EXPECT_EQ(one_hot(zeros({0}, DType::i32), 0).shape(), (Shape{0, 0}));
}

TEST(Indexing, NamesTheIndexThatIsOutOfRangeAndTheRange) {
  const Tensor x({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  const auto names = [](const std::string& given, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_NE(given.find(part), std::string::npos) << given;
  };
  names(message_of<ValueError>([&] { gather(x, Tensor({{0, 3}, {1, 1}}), 1); }), {"gather", "index 3", "-3 … 2"});
  names(message_of<ValueError>([&] { gather(x, Tensor({{0, -4}, {1, 1}}), 1); }), {"gather", "index -4", "-3 … 2"});
  names(message_of<ValueError>([&] { take(x, Tensor({2})); }), {"take", "index 2", "-2 … 1"});
  names(message_of<ValueError>([&] { take(x, Tensor({std::uint8_t{200}})); }), {"take", "index 200", "-2 … 1"});
  names(message_of<ValueError>([&] { take(x, Tensor({std::int64_t{1} << 40})); }), {"take", "index 1099511627776"});
  names(message_of<ValueError>([&] {
          scatter_add(x, Tensor({{5}, {0}}), ones({2, 1}, DType::f64));
        }),
        {"scatter_add", "index 5"});
  names(message_of<ValueError>([&] {
          index_add(x, Tensor({-3}), ones({1, 3}, DType::f64));
        }),
        {"index_add", "index -3", "-2 … 1"});
  names(message_of<ValueError>([&] { one_hot(Tensor({4}), 4); }), {"one_hot", "index 4", "0 … 3"});
  names(message_of<ValueError>([&] { one_hot(Tensor({-1}), 4); }), {"one_hot", "index -1", "0 … 3"});
  names(message_of<ValueError>([&] { one_hot(Tensor({0}), 0); }), {"one_hot", "index 0"});
  names(message_of<ValueError>([&] { take(zeros({0, 3}), Tensor({0})); }), {"take", "index 0"});
}

// Of two the one that stands first, wherever that is.
TEST(Indexing, OfManyTheFirstOutOfRangeIsNamed) {
  const std::int64_t count = 2000;
  const Tensor x = arange(0, count, 1, DType::f64);
  for (const std::int64_t place : {0, 511, 512, 1023, 1999}) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(count), -1);
    indices[static_cast<std::size_t>(place)] = count;
    indices.back() = place < 1999 ? count + 1 : count;
    const Tensor given(indices);
    const auto expect_named = [&](const auto& call) {
      const std::string message = message_of<ValueError>(call);
      EXPECT_NE(message.find("index 2000 is out of range"), std::string::npos) << place << ": " << message;
    };
    expect_named([&] { gather(x, given); });
    expect_named([&] { take(x, given); });
    expect_named([&] { scatter_add(x, given, x); });
    expect_named([&] { index_add(x, given, x); });
    expect_named([&] { one_hot(where(given < 0, 0, given), count); });
  }
  EXPECT_EQ(values<double>(take(x, full({count}, -2, DType::i64))), std::vector<double>(2000, 1998));
}

// What is wrong is said where there is nothing to be read, too.
TEST(Indexing, OfNothingAreLookedAt) {
  for (const Shape& shape : {Shape{0, 3}, Shape{3, 3, 0}}) {
    const Tensor x = zeros(shape, DType::f64);
    EXPECT_NE(message_of<ValueError>([&] { take(x, Tensor({1, 3}), 1); }).find("index 3"), std::string::npos);
    EXPECT_EQ(take(x, Tensor({1, -1}), 1).size(), 0);
  }
}

// What is read along an axis is given back along it, as often as it was read.
TEST(Indexing, SendsGradientsBackToWhereTheyWereRead) {
  const Tensor x({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  Tape tape;
  const Tensor watched = tape.watch(x);
  const Tensor seed({{10.0, 20.0, 40.0}, {100.0, 200.0, 400.0}});
  const Tensor indices({{2, -1, 0}, {1, 1, 1}});
  EXPECT_TRUE(same_bits(tape.gradient(gather(watched, indices, 1), watched, seed),
                        Tensor({{40.0, 0.0, 30.0}, {0.0, 700.0, 0.0}})));
  EXPECT_TRUE(same_bits(tape.gradient(take(watched, Tensor({1, -1})), watched, seed),
                        Tensor({{0.0, 0.0, 0.0}, {110.0, 220.0, 440.0}})));
  const Tensor updates = tape.watch(ones({2, 3}, DType::f64));
  EXPECT_TRUE(same_bits(tape.gradient(scatter_add(watched, indices, updates, 1), updates, seed),
                        Tensor({{40.0, 40.0, 10.0}, {200.0, 200.0, 200.0}})));
  EXPECT_TRUE(same_bits(tape.gradient(index_add(watched, Tensor({1, 1}), updates), updates, seed),
                        Tensor({{100.0, 200.0, 400.0}, {100.0, 200.0, 400.0}})));
  EXPECT_TRUE(same_bits(tape.gradient(index_add(watched, Tensor({1, 1}), updates), watched, seed), seed));
}

}  // namespace
}  // namespace wengert

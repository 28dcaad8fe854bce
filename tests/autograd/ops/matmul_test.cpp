#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <support/plain.h>
#include <support/tensors.h>

#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Matrix products against three nested loops.

namespace wengert {
namespace {

using plain::Index;

/// The indices of an operand's matrix that serves a place of the result's batch: 0 along axes that are stretched.
Index operand_index(const Tensor& operand, const Index& index, std::int64_t row, std::int64_t column) {
  const std::size_t axes = operand.rank() - 2, offset = index.size() - 2 - axes;
  Index result;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    result.push_back(operand.shape()[axis] == 1 ? 0 : index[offset + axis]);
  }
  result.push_back(row);
  result.push_back(column);
  return result;
}

/// The product as its definition says, with sums in T, and the sums of the terms' magnitudes.
template <typename T>
struct Definition {
  std::vector<T> sums, magnitudes;
  Shape shape;

  Definition(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
    const auto extent = [](const Tensor& x, std::size_t from_end) { return x.shape()[x.rank() - from_end]; };
    const std::int64_t terms = extent(a, options.transpose_a ? 2 : 1);
    const auto before = [](const Tensor& x) { return Shape(std::span(x.shape().begin(), x.rank() - 2)); };
    Ints extents(broadcast_shapes("matmul", before(a), before(b)));
    extents.push_back(extent(a, options.transpose_a ? 1 : 2));
    extents.push_back(extent(b, options.transpose_b ? 2 : 1));
    shape = Shape(extents);
    plain::for_each_index(shape, [&](const Index& index) {
      const std::int64_t row = index[index.size() - 2], column = index.back();
      T sum = 0, magnitude = 0;
      for (std::int64_t k = 0; k < terms; ++k) {
        const T left =
            plain::at<T>(a, options.transpose_a ? operand_index(a, index, k, row) : operand_index(a, index, row, k));
        const T right = plain::at<T>(
            b, options.transpose_b ? operand_index(b, index, column, k) : operand_index(b, index, k, column));
        sum += left * right;
        if constexpr (std::is_floating_point_v<T>) magnitude += std::abs(left * right);
      }
      sums.push_back(sum);
      magnitudes.push_back(magnitude);
    });
  }
};

void expect_product(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  SCOPED_TRACE(plain::text(a) + (options.transpose_a ? "ᵀ · " : " · ") + plain::text(b) +
               (options.transpose_b ? "ᵀ" : ""));
  const Tensor product = matmul(a, b, options);
  if (!is_floating(a.dtype())) {
    const Definition<std::uint64_t> expected(a, b, options);
    ASSERT_EQ(product.shape(), expected.shape);
    std::size_t next = 0;
    EXPECT_TRUE(same_bits(
        product, plain::tensor_of(expected.shape, a.dtype(), [&](const Index&) { return expected.sums[next++]; })));
    return;
  }
  const Definition<long double> expected(a, b, options);
  ASSERT_EQ(product.shape(), expected.shape);
  ASSERT_EQ(product.dtype(), a.dtype());
  // However the k terms are added, each passes through k roundings at most (Higham, Accuracy and Stability, 3.1).
  const std::int64_t terms = a.shape()[a.rank() - (options.transpose_a ? 2 : 1)];
  const long double unit = (a.dtype() == DType::f32 ? 0x1p-24L : 0x1p-53L) * static_cast<long double>(terms + 1);
  std::size_t next = 0;
  plain::for_each_index(product.shape(), [&](const Index& index) {
    const long double error = std::abs(plain::at<long double>(product, index) - expected.sums[next]);
    EXPECT_LE(error, unit * expected.magnitudes[next]);
    ++next;
  });
}

/// Any number of the dtype, with products that wrap in integers.
Tensor operand(const Shape& shape, DType dtype, std::uint64_t seed) {
  if (is_floating(dtype)) return random_tensor(shape, seed, dtype) - 0.5;
  return plain::small_numbers(shape, dtype, seed) * 30;
}

Shape with_last(const Shape& batch, std::int64_t rows, std::int64_t columns, bool transposed) {
  Ints extents(batch);
  extents.push_back(transposed ? columns : rows);
  extents.push_back(transposed ? rows : columns);
  return Shape(extents);
}

const std::vector<MatmulOptions> transpositions = {
    {}, {.transpose_a = true}, {.transpose_b = true}, {.transpose_a = true, .transpose_b = true}};

struct Batches {
  Shape a, b;
};
const std::vector<Batches> batches = {
    {{}, {}},     {{3}, {}},     {{}, {3}},           {{3}, {3}},
    {{1}, {3}},   {{2, 3}, {3}}, {{2, 1}, {1, 3}},    {{2, 3}, {}},
    {{}, {2, 3}}, {{0}, {}},     {{}, {0}},           {{2, 0}, {1}},
    {{1, 1}, {}}, {{1}, {1}},    {{2, 1, 2}, {3, 1}}, {{1, 2, 1, 1, 2, 1}, {2, 1, 1, 2, 1, 3}}};

struct Sizes {
  std::int64_t m, n, k;
};
const std::vector<Sizes> sizes = {{2, 3, 4}, {1, 1, 1}, {1, 5, 3}, {5, 1, 3},
                                  {3, 2, 0}, {0, 2, 3}, {2, 0, 3}, {17, 9, 33}};

TEST(Matmul, MultipliesEveryBatchAndTranspositionInEveryDType) {
  for (const DType dtype : plain::number_dtypes) {
    for (const Batches& batch : batches) {
      for (const Sizes& size : sizes) {
        for (const MatmulOptions& options : transpositions) {
          expect_product(operand(with_last(batch.a, size.m, size.k, options.transpose_a), dtype, 1),
                         operand(with_last(batch.b, size.k, size.n, options.transpose_b), dtype, 2), options);
        }
      }
    }
  }
}

RC_GTEST_PROP(Matmul, MultipliesMatricesOfAnySize, ()) {
  const auto extent = rc::gen::inRange<std::int64_t>(0, 70);
  const std::int64_t m = *extent, n = *extent, k = *extent;
  const MatmulOptions options{*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()};
  const auto dtype = *rc::gen::elementOf(std::vector<DType>{DType::f32, DType::f64, DType::i32});
  const auto batch = *rc::gen::elementOf(std::vector<Shape>{{}, {2}});
  expect_product(operand(with_last(batch, m, k, options.transpose_a), dtype, 3),
                 operand(with_last({}, k, n, options.transpose_b), dtype, 4), options);
  RC_ASSERT(!testing::Test::HasFailure());
}

TEST(Matmul, GivesZerosWhereThereIsNothingToAdd) {
  EXPECT_TRUE(same_bits(matmul(zeros({2, 0}), zeros({0, 3})), zeros({2, 3})));
  EXPECT_TRUE(same_bits(matmul(zeros({4, 2, 0}, DType::i64), zeros({0, 3}, DType::i64)), zeros({4, 2, 3}, DType::i64)));
  EXPECT_EQ(matmul(zeros({0, 5}), zeros({5, 3})).shape(), (Shape{0, 3}));
}

TEST(Matmul, SkipsNoTermThatIsInfiniteOrNaN) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const double bad : {inf, -inf, nan}) {
    for (const MatmulOptions& options : transpositions) {
      const Tensor product = matmul(Tensor({{0.0, 1.0}, {1.0, 0.0}}), Tensor({{bad, bad}, {bad, bad}}), options);
      for (const double entry : product.data<double>()) EXPECT_TRUE(std::isnan(entry));
    }
  }
  EXPECT_EQ(matmul(Tensor({{1e308, 1e308}}), Tensor({{1.0}, {1.0}})).item(), inf);
}

/// Whether f leaves behind, in the pool, memory as a tensor like this one takes: it has made a copy.
template <typename F>
bool copies(const Tensor& operand, F f) {
  kernels::release_cached_memory();
  f();
  const auto before = kernels::system_allocations();
  static_cast<void>(empty(operand.shape(), operand.dtype()));
  return kernels::system_allocations() == before;
}

TEST(Matmul, ReadsTransposedOperandsWhereTheyStand) {
  const std::int64_t k = 1 << 18;
  const Tensor wide = ones({4, k}, DType::f64), tall = ones({k, 4}, DType::f64);
  if (!copies(wide, [&] { static_cast<void>(ones(wide.shape(), DType::f64)); })) {
    GTEST_SKIP() << "the pool is off, as it is under a sanitizer";
  }
  const auto product = [&](const Tensor& a, const Tensor& b, const MatmulOptions& options) {
    EXPECT_TRUE(same_bits(matmul(a, b, options), full({4, 4}, k, DType::f64)));
  };
  EXPECT_FALSE(copies(wide, [&] { product(wide, wide, {.transpose_b = true}); }));
  EXPECT_FALSE(copies(wide, [&] { product(tall, tall, {.transpose_a = true}); }));
  EXPECT_FALSE(copies(wide, [&] { product(tall, wide, {.transpose_a = true, .transpose_b = true}); }));
  EXPECT_TRUE(copies(wide, [&] { product(wide, transpose(wide), {}); }));  // so would it show
}

/// The gradient of Σ seed · (a · b) with respect to both, by loops over the definition.
TEST(Matmul, SendsGradientsThroughEveryBatchAndTransposition) {
  for (const Batches& batch : batches) {
    for (const MatmulOptions& options : transpositions) {
      const Tensor a = operand(with_last(batch.a, 2, 4, options.transpose_a), DType::f64, 5);
      const Tensor b = operand(with_last(batch.b, 4, 3, options.transpose_b), DType::f64, 6);
      SCOPED_TRACE(plain::text(a) + (options.transpose_a ? "ᵀ · " : " · ") + plain::text(b) +
                   (options.transpose_b ? "ᵀ" : ""));
      Tape tape;
      const Tensor x = tape.watch(a), y = tape.watch(b);
      const Tensor product = matmul(x, y, options);
      const Tensor seed = operand(product.shape(), DType::f64, 7);
      const std::vector<Tensor> gradients = tape.gradient(product, {x, y}, seed);
      std::vector<double> da(static_cast<std::size_t>(a.size()), 0.0), db(static_cast<std::size_t>(b.size()), 0.0);
      plain::for_each_index(product.shape(), [&](const Index& index) {
        const std::int64_t row = index[index.size() - 2], column = index.back();
        for (std::int64_t k = 0; k < 4; ++k) {
          const Index left = options.transpose_a ? operand_index(a, index, k, row) : operand_index(a, index, row, k);
          const Index right =
              options.transpose_b ? operand_index(b, index, column, k) : operand_index(b, index, k, column);
          const auto dy = plain::at<double>(seed, index);
          da[plain::place(a.shape(), left)] += dy * plain::at<double>(b, right);
          db[plain::place(b.shape(), right)] += dy * plain::at<double>(a, left);
        }
      });
      ASSERT_EQ(gradients[0].shape(), a.shape());
      ASSERT_EQ(gradients[1].shape(), b.shape());
      // Sums of up to 36 terms below 0.2.
      for (std::size_t i = 0; i < da.size(); ++i) EXPECT_NEAR(gradients[0].data<double>()[i], da[i], 1e-14);
      for (std::size_t i = 0; i < db.size(); ++i) EXPECT_NEAR(gradients[1].data<double>()[i], db[i], 1e-14);
    }
  }
}

}  // namespace
}  // namespace wengert

#include <array>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// Products whose terms on the right one pointwise record makes for them alone are added up as these are made.

namespace wengert {
namespace {

using Function = std::function<Tensors(const Tensor&, const Tensor&)>;

/// Whether a group adds up a product.
bool is_attached(const std::string& program) { return occurrences(program, " matmul}") > 0; }

/// Eager's bits with such groups and without; whether there are any with all passes.
bool is_attached_with_eager_bits(const Function& function, const Tensor& x, const Tensor& y) {
  const Programs programs = expect_eager_bits(function, std::array{x, y}, {.attach_products = false});
  EXPECT_FALSE(is_attached(programs.without));
  return is_attached(programs.with);
}

Tensor squares_by(const Tensor& x, const Tensor& y) { return matmul(x, y * y + 0.5, {.transpose_a = true}); }

TEST(CompiledTerms, GiveTheBitsOfEager) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    // Blocks are of 256 rows: 80 of them, and one row more or less.
    for (const std::int64_t rows : {20480, 20481, 20479}) {
      SCOPED_TRACE(rows);
      const Tensor y = numbers({rows, 33}, 2, dtype);
      const Function transposed = [](const Tensor& a, const Tensor& b) { return Tensors{squares_by(a, b)}; };
      EXPECT_TRUE(is_attached_with_eager_bits(transposed, numbers({rows, 17}, 1, dtype), y));
      const Function plain = [](const Tensor& a, const Tensor& b) { return Tensors{matmul(a, sigmoid(b) - b)}; };
      EXPECT_TRUE(is_attached_with_eager_bits(plain, numbers({17, rows}, 3, dtype), y));
    }
  }
}

TEST(CompiledTerms, OfABatchGoWithOneMatrixOrOneEach) {
  const Tensor y = numbers({5, 4000, 32}, 2, DType::f64);
  const Function function = [](const Tensor& x, const Tensor& b) { return Tensors{squares_by(x, b)}; };
  EXPECT_TRUE(is_attached_with_eager_bits(function, numbers({4000, 24}, 1, DType::f64), y));
  EXPECT_TRUE(is_attached_with_eager_bits(function, numbers({5, 4000, 24}, 3, DType::f64), y));
}

TEST(CompiledTerms, AreReducedToo) {
  const Tensor x = numbers({10000, 32}, 1, DType::f64), y = numbers({3, 10000, 32}, 2, DType::f64);
  const Function function = [](const Tensor& a, const Tensor& b) {
    const Tensor terms = b * b + 0.5;
    return Tensors{matmul(a, terms, {.transpose_a = true}), sum(terms, {1}), sum(-terms, {1})};
  };
  EXPECT_TRUE(is_attached_with_eager_bits(function, x, y));
}

TEST(CompiledTerms, LeaveAloneWhatTheyAreMultipliedWith) {
  // The group reads x for the last time, and gives what has its shape.
  const Function function = [](const Tensor& a, const Tensor& b) {
    const Tensor x = cumsum(a, 0) * b, y = cumsum(x, 1);
    return Tensors{squares_by(y, y), cumsum(exp(-y * y), 0)};
  };
  EXPECT_TRUE(is_attached_with_eager_bits(function, numbers({10000, 32}, 1, DType::f64), numbers({1}, 2, DType::f64)));
}

TEST(CompiledTerms, AreThoseOfAGradient) {
  const Tensor x = numbers({6000, 32}, 1, DType::f64);
  const Function function = [](const Tensor& points, const Tensor& w) {
    Tape tape;
    const Tensor q = tape.watch(w), scaled = matmul(points, q);
    return Tensors{tape.gradient(sum(logsumexp(-0.5 * sum(scaled * scaled, {2}), {0})), {q})[0]};
  };
  EXPECT_TRUE(is_attached_with_eager_bits(function, x, numbers({4, 32, 32}, 2, DType::f64)));
}

TEST(CompiledTerms, AreWrittenWholeWhereThatIsLessOrTheyAreReadAgain) {
  const Function function = [](const Tensor& a, const Tensor& b) { return Tensors{squares_by(a, b)}; };
  // The shares of blocks, 256 rows, would be half as much as they.
  EXPECT_FALSE(is_attached_with_eager_bits(function, numbers({20000, 128}, 1), numbers({20000, 32}, 2)));
  // They stay in the cache.
  EXPECT_FALSE(is_attached_with_eager_bits(function, numbers({2000, 32}, 1), numbers({2000, 32}, 2)));
  const Function twice = [](const Tensor& a, const Tensor& b) {
    const Tensor terms = b * b + 0.5;
    return Tensors{matmul(a, terms, {.transpose_a = true}), cumsum(terms, 0)};
  };
  EXPECT_FALSE(is_attached_with_eager_bits(twice, numbers({20000, 32}, 1), numbers({20000, 32}, 2)));
}

TEST(CompiledTerms, AreWrittenWholeWhereAMatrixOfThemServesSeveralProducts) {
  const Function function = [](const Tensor& a, const Tensor& b) { return Tensors{squares_by(a, b)}; };
  EXPECT_FALSE(is_attached_with_eager_bits(function, numbers({3, 20000, 32}, 1), numbers({20000, 32}, 2)));
}

TEST(CompiledTerms, AreWrittenWholeWhereTheOtherOperandIsMadeOfThem) {
  const Function function = [](const Tensor& a, const Tensor& b) {
    const Tensor terms = b * b + 0.5;
    return Tensors{matmul(cumsum(a * sum(terms), 0), terms, {.transpose_a = true})};
  };
  EXPECT_FALSE(is_attached_with_eager_bits(function, numbers({20000, 32}, 1), numbers({20000, 32}, 2)));
}

}  // namespace
}  // namespace wengert

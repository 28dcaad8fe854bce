#include <array>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tape.h>

// Products that one pointwise record alone reads are computed where they are read, some rows at a time.

namespace wengert {
namespace {

using Function = std::function<Tensors(const Tensor&, const Tensor&)>;

/// Whether a group computes a product.
bool is_streamed(const std::string& program) { return occurrences(program, "{matmul") > 0; }

/// Eager's bits with such groups and without; gives the program.
std::string expect_eager_bits(const Function& function, const Tensor& a, const Tensor& b) {
  const Programs programs = expect_eager_bits(function, std::array{a, b}, {.stream_products = false});
  EXPECT_FALSE(is_streamed(programs.without));
  return programs.with;
}

TEST(CompiledProduct, GivesTheBitsOfEagerInEveryLayout) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        const MatmulOptions options{transpose_a, transpose_b};
        const Function function = [options](const Tensor& a, const Tensor& b) {
          return Tensors{tanh(matmul(a, b, options) * 2.0) + 1.0};
        };
        const Tensor a = numbers(transpose_a ? Shape{32, 784} : Shape{784, 32}, 1, dtype);
        const Tensor b = numbers(transpose_b ? Shape{384, 32} : Shape{32, 384}, 2, dtype);
        EXPECT_TRUE(is_streamed(expect_eager_bits(function, a, b)));
      }
    }
  }
}

TEST(CompiledProduct, OfABatchMayBeReducedAsItIsMade) {
  const Function function = [](const Tensor& x, const Tensor& q) {
    const Tensor scaled = matmul(x, q) - matmul(slice(x, {0, 0}, {1, 32}), q);
    return Tensors{sum(scaled * scaled, {2})};
  };
  for (const DType dtype : {DType::f32, DType::f64})
    EXPECT_TRUE(
        is_streamed(expect_eager_bits(function, numbers({1920, 32}, 1, dtype), numbers({5, 32, 32}, 2, dtype))));
}

TEST(CompiledProduct, IsWrittenWholeWhereItsRowsMakeNoBlocksOrItIsReadElsewhere) {
  const Function alone = [](const Tensor& a, const Tensor& b) { return Tensors{exp(matmul(a, b) * 0.5)}; };
  // 1021 is a prime number.
  EXPECT_FALSE(is_streamed(expect_eager_bits(alone, numbers({1021, 20}, 1), numbers({20, 300}, 2))));
  EXPECT_FALSE(is_streamed(expect_eager_bits(alone, numbers({64, 20}, 1), numbers({20, 64}, 2))));
  const Function twice = [](const Tensor& a, const Tensor& b) {
    const Tensor product = matmul(a, b);
    return Tensors{exp(product * 0.5), product};
  };
  EXPECT_FALSE(is_streamed(expect_eager_bits(twice, numbers({1024, 20}, 1), numbers({20, 300}, 2))));
}

TEST(CompiledProduct, OfAQuarterMegabyteIsStreamedWhereEachBlockReadsLittleAgain) {
  const Function function = [](const Tensor& a, const Tensor& b) { return Tensors{exp(matmul(a, b) * 0.5)}; };
  EXPECT_TRUE(is_streamed(expect_eager_bits(function, numbers({784, 32}, 1), numbers({32, 128}, 2))));
  EXPECT_FALSE(is_streamed(expect_eager_bits(function, numbers({400, 32}, 1), numbers({32, 128}, 2))));
  EXPECT_FALSE(is_streamed(expect_eager_bits(function, numbers({128, 512}, 1), numbers({512, 1024}, 2))));
}

TEST(CompiledProduct, IsNotOverwrittenByTheRecordThatComputesIt) {
  // The operands of the products have the results' shape, and are read there for the last time.
  const Function function = [](const Tensor& a, const Tensor& b) {
    Tensor x = a + 1.0;
    for (int i = 0; i < 3; ++i) x = tanh(matmul(x, b) * 0.01) + matmul(b, x) * 0.01;
    return Tensors{x};
  };
  EXPECT_TRUE(
      is_streamed(expect_eager_bits(function, numbers({400, 400}, 1, DType::f64), numbers({400, 400}, 2, DType::f64))));
}

TEST(CompiledProduct, LeavesAParameterAloneUntilItsOldValueWasMultiplied) {
  const Tensor square = numbers({400, 400}, 1, DType::f64), begin = numbers({400, 400}, 2, DType::f64);
  Parameter eager(begin), replayed(begin);
  const auto step = [&](Parameter& weight) { weight.assign(weight.value() - matmul(weight.value(), square) * 0.01); };
  auto compiled = compile([&] { step(replayed); });
  for (int call = 0; call < 4; ++call) {
    step(eager);
    compiled();
    ASSERT_TRUE(same_bits(replayed.value(), eager.value())) << call;
  }
}

TEST(CompiledProduct, OnTheOtherSideOfADifferenceIsAnotherKernel) {
  const Tensor y = numbers({1024, 96}, 5);
  const std::string program = expect_eager_bits(
      [&](const Tensor& x, const Tensor& w) {
        const Tensor subtracted = cumsum(y, 0), first = matmul(cumsum(x, 0) * 0.01, w) - subtracted;
        const Tensor second = subtracted - matmul(cumsum(first, 0) * 0.01, w);
        return Tensors{cumsum(first, 0), cumsum(second, 0)};
      },
      numbers({1024, 96}, 3), numbers({96, 96}, 4));
  EXPECT_EQ(occurrences(program, "{matmul"), 2);
}

}  // namespace
}  // namespace wengert

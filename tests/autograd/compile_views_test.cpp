#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tape.h>

// What operations only move is read where it stands by a replay.

namespace wengert {
namespace {

/// Steps of the heat equation on a square whose border stays as it is, and the gradient by where they began.
Tensors heat(const Tensor& start) {
  Tape tape;
  const Tensor x = tape.watch(start);
  Tensor u = x;
  const std::int64_t n = x.shape()[0];
  for (int step = 0; step < 3; ++step) {
    const auto part = [&](std::int64_t row, std::int64_t column) {
      return slice(u, {row, column}, {row + n - 2, column + n - 2});
    };
    const Tensor change = part(0, 1) + part(2, 1) + part(1, 0) + part(1, 2) - 4.0 * part(1, 1);
    u = u + pad(0.1 * change, {1, 1}, {1, 1});
  }
  const Tensor energy = sum(u * u);
  Tensors results{energy, u};
  results.push_back(tape.gradient(energy, {x})[0]);
  return results;
}

TEST(CompiledViews, OfAStencilAreReadByItsFormulas) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t n : {3, 4, 18, 66, 130, 400}) {
      const std::array inputs = {numbers({n, n}, 1, dtype)};
      const auto function = [](const Tensor& x) { return heat(x); };
      const Programs programs = expect_eager_bits(function, inputs, {.share_parts = false});
      if (n == 3) continue;  // one element is read as well by many
      EXPECT_EQ(occurrences(replayed(programs.with), " slice "), 0U) << programs.with;
      EXPECT_EQ(occurrences(replayed(programs.with), " embed "), 0U);
      EXPECT_GT(occurrences(replayed(programs.without), " slice "), 0U);
    }
  }
}

/// A tensor of the shape: of an operation that moves elements of x, which is [5, n, 6], and back to that.
Tensor moved(Generator& generator, const Tensor& x) {
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(generator.below(static_cast<std::uint64_t>(n)));
  };
  const Shape& shape = x.shape();
  switch (generator.below(5)) {
    case 0: {  // moved along, and what comes in is a number
      Ints low, high, before, after;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        low.push_back(below(shape[axis])), high.push_back(low[axis] + 1 + below(shape[axis] - low[axis]));
        before.push_back(below(shape[axis] - (high[axis] - low[axis]) + 1));
        after.push_back(shape[axis] - before[axis] - (high[axis] - low[axis]));
      }
      return pad(slice(x, low, high), before, after, generator.below(2) == 0 ? 0.0 : -0.25);
    }
    case 1: return flip(x, generator.below(2) == 0 ? Ints{-1} : Ints{0, 1});
    case 2: {  // every second
      const Tensor few = slice(x, {below(2), 0, below(2)}, {5, shape[1], 6}, {2, 1, 2});
      return x * sum(few * few) + sum(slice(x, {0, 0, below(6)}, {5, shape[1], 6}, {1, 1, 7}) * 2.0, {2}, true);
    }
    case 3: return transpose(sigmoid(transpose(x, {1, 0, 2})), {1, 0, 2});
    default: {  // stretched
      const std::int64_t row = below(5);
      return x * slice(x, {row, 0, 0}, {row + 1, shape[1], 1 + 5 * below(2)});
    }
  }
}

TEST(CompiledViews, GiveTheBitsOfEagerHoweverElementsAreMoved) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const DType dtype = seed % 2 == 0 ? DType::f32 : DType::f64;
    const std::array inputs = {numbers({5, seed % 3 == 0 ? 3 : 40, 6}, seed, dtype)};
    const auto function = [&](const Tensor& input) {
      Generator generator(seed);
      Tape tape;
      const Tensor x = tape.watch(input);
      Tensors values{x, x * 0.5};
      for (std::uint64_t steps = 2 + generator.below(5); steps > 0; --steps) {
        const Tensor a = values[generator.below(values.size())], b = values[generator.below(values.size())];
        values.push_back(generator.below(2) == 0 ? moved(generator, a) : tanh(moved(generator, a)) * b);
      }
      const Tensor value = sum(values.back() * values[1]) + sum(moved(generator, values[2]));
      Tensors results = tape.gradient(value, {x});
      results.push_back(value);
      return results;
    };
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_eager_bits(function, inputs, {.share_parts = false});
  }
}

TEST(CompiledViews, HaveAnyDtype) {
  const auto function = [](const Tensor& x) {
    const Tensor edge = pad(x, {0, 2}, {1, 0}, 1);
    return Tensors{slice(x, {1, 0}, {4, 8}) == slice(x, {0, 1}, {3, 9}), flip(x) == x, edge == flip(edge, {1})};
  };
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::boolean}) {
    const std::array inputs = {cast(4.0 * numbers({4, 9}, 1) + 2.0, dtype)};
    const Programs programs = expect_eager_bits(function, inputs, {.share_parts = false});
    EXPECT_EQ(occurrences(replayed(programs.with), " slice "), 0U);
    EXPECT_EQ(occurrences(replayed(programs.with), " flip "), 0U);
    // What another view shows is made for it.
    EXPECT_EQ(occurrences(replayed(programs.with), " embed "), 1U);
  }
}

TEST(CompiledViews, ShowWhatIsNoNumberOutside) {
  for (const double value : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), -0.0}) {
    const auto function = [value](const Tensor& x) { return Tensors{maximum(pad(x, {2}, {3}, value), -sum(x))}; };
    const auto compiled = compile(function);
    const Tensor x = numbers({100}, 1);
    EXPECT_TRUE(same_bits(compiled(x)[0], function(x)[0])) << value;
    EXPECT_EQ(occurrences(replayed(compiled.explain()), " embed "), 0U);
  }
}

/// How often the operation is done by itself in a replay.
template <typename F>
std::size_t copies(const F& function, const Tensor& x, const std::string& operation) {
  const auto compiled = compile(function);
  EXPECT_TRUE(same_bits(compiled(x), function(x)));
  return occurrences(replayed(compiled.explain()), " " + operation + " ");
}

TEST(CompiledViews, AreCopiedWhereTheyAreWantedSoOrReadBetter) {
  const Tensor x = numbers({64, 64}, 1);
  EXPECT_EQ(copies([](const Tensor& a) { return transpose(a) + a; }, x, "transpose"), 1U);
  EXPECT_EQ(copies([](const Tensor& a) { return slice(a * 2.0, {1, 1}, {9, 9}); }, x, "slice"), 1U);
  EXPECT_EQ(copies([](const Tensor& a) { return matmul(slice(a, {1, 1}, {9, 9}), ones({8, 8})); }, x, "slice"), 1U);
  // Rows of a matrix are one.
  EXPECT_EQ(copies([](const Tensor& a) { return matmul(slice(a, {1, 0}, {9, 64}), ones({64, 8})); }, x, "slice"), 0U);
  // Elements that stand apart are read once.
  const auto half = [](const Tensor& a) { return slice(a, {0, 0}, {64, 64}, {1, 2}); };
  EXPECT_EQ(copies([&](const Tensor& a) { return matmul(half(a) * 2.0, ones({32, 32})); }, x, "slice"), 0U);
  EXPECT_EQ(copies([&](const Tensor& a) { return matmul(half(a) * 2.0, ones({32, 32})) * half(a); }, x, "slice"), 1U);
}

TEST(CompiledViews, OfASlotAreReadBeforeItIsWrittenOver) {
  Parameter eager(numbers({64, 64}, 1)), compiled = eager.clone();
  const auto step = [](Parameter& p) {
    const Tensor value = p.value(), inner = slice(value, {1, 1}, {63, 63});
    p.assign(value + pad(slice(value, {0, 1}, {62, 63}) - inner, {1, 1}, {1, 1}));
  };
  const auto replayed_step = compile([&] { step(compiled); });
  for (int call = 0; call < 3; ++call) {
    step(eager);
    replayed_step();
    EXPECT_TRUE(same_bits(compiled.value(), eager.value())) << "call " << call;
  }
}

/// An operation outside the library that says no more than where its elements are: the other half first, and 7 between.
const Operation& swap_halves() {
  static const Operation operation =
      primitive("swap_halves", {.documentation = "The second half of a list, and three sevens.",
                                .category = Category::shape,
                                .differentiable = false,
                                .view = [](const Shape& input, const Shape&, const Attributes&) -> std::optional<View> {
                                  const std::int64_t half = input[0] / 2;
                                  return View{.first = half, .strides = {1}, .low = {0}, .high = {half}, .outside = 7};
                                },
                                .infer =
                                    [](auto inputs, const Attributes&, auto results) {
                                      results[0] = {inputs[0].dtype(), Shape{inputs[0].shape()[0] / 2 + 3}};
                                    }});
  return operation;
}

TEST(CompiledViews, OfAnOwnOperationAreKernelAndViewInOne) {
  const Tensor x({1.0, 2.0, 3.0, 4.0});
  EXPECT_TRUE(same_bits(apply(swap_halves(), {x}), Tensor({3.0, 4.0, 7.0, 7.0, 7.0})));
  EXPECT_EQ(copies([](const Tensor& a) { return apply(swap_halves(), {a}) * 2.0; }, numbers({1000}, 1), "swap_halves"),
            0U);
}

}  // namespace
}  // namespace wengert

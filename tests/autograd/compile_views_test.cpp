#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <support/compiled.h>
#include <support/message_of.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
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
  std::size_t all = 0, copied = 0;
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
    const Programs programs = expect_eager_bits(function, inputs, {.share_parts = false});
    for (const char* const operation : {" slice ", " embed ", " flip ", " transpose "}) {
      all += occurrences(replayed(programs.without), operation);
      copied += occurrences(replayed(programs.with), operation);
    }
  }
  EXPECT_LT(copied, all / 2);
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
  const auto diffuse = [](Parameter& p) {
    const Tensor value = p.value(), inner = slice(value, {1, 1}, {63, 63});
    p.assign(value + pad(slice(value, {0, 1}, {62, 63}) - inner, {1, 1}, {1, 1}));
  };
  // One formula reads all of it in two orders, and may not write it over.
  const auto mirror = [](Parameter& p) { p.assign(p.value() + 0.25 * flip(p.value())); };
  expect_eager_parameter(diffuse, numbers({64, 64}, 1));
  expect_eager_parameter(mirror, numbers({64, 64}, 1));
}

TEST(CompiledViews, AreStretchedAlongOtherAxes) {
  const auto function = [](const Tensor& matrix, const Tensor& row) {
    const Tensor padded = pad(row, {3}, {4}, 0.5);  // [40]
    const Tensor column = slice(matrix, {0, 2}, {50, 3}), edge = pad(column, {3, 0}, {0, 0});
    const Tensor moved = slice(matrix, {0, 5}, {50, 38});
    return Tensors{tanh(matrix) + padded, matrix - column, slice(matrix, {0, 0}, {50, 1}) * moved,
                   slice(matrix, {7, 0}, {8, 40}) * matrix,
                   sum(edge * padded, {0}) + sum(edge * ones({1, 33}, row.dtype()))};
  };
  for (const DType dtype : {DType::f32, DType::f64}) {
    const std::array inputs = {numbers({50, 40}, 1, dtype), numbers({33}, 2, dtype)};
    const Programs programs = expect_eager_bits(function, inputs, {.share_parts = false});
    EXPECT_LT(occurrences(replayed(programs.with), " slice "), occurrences(replayed(programs.without), " slice "));
    EXPECT_LT(occurrences(replayed(programs.with), " embed "), occurrences(replayed(programs.without), " embed "));
  }
}

TEST(CompiledViews, InOrderMayBeginAnywhereAndEndWithTheirWhole) {
  // 16 rows of five f32 are five blocks; they begin in the middle of one. The last elements are the end of memory that
  // is not the library's.
  const std::unique_ptr<float[]> memory(new float[64 * 5]);
  for (int i = 0; i < 64 * 5; ++i) memory[static_cast<std::size_t>(i)] = static_cast<float>(i % 17) - 8;
  const Tensor x = Tensor::borrow(memory.get(), DType::f32, Shape{64, 5}, nullptr);
  const auto function = [](const Tensor& a) {
    return Tensors{matmul(slice(a, {1, 0}, {17, 5}), ones({5, 3})), slice(a, {3, 1}, {64, 5}) * 2.0,
                   tanh(slice(a, {48, 0}, {64, 5})), reshape(a, {320}) + flip(reshape(a, {320}))};
  };
  const std::array inputs = {x};
  const Programs programs = expect_eager_bits(function, inputs, {.share_parts = false});
  EXPECT_EQ(occurrences(replayed(programs.with), " slice "), 0U);
}

TEST(CompiledViews, AreNamedByWhatTheyAreIn) {
  const auto compiled = compile([](const Tensor& a) { return slice(a, {1}, {99}) * 2.0; });
  compiled(numbers({100}, 1));
  EXPECT_NE(replayed(compiled.explain()).find("in input 0 [98]"), std::string::npos) << compiled.explain();
  EXPECT_NE(explain(compiled, Format::graphviz).find("label=\"[98]\""), std::string::npos);
}

/// An operation outside the library that says no more than where its elements are.
const Operation& second_half() {
  static const Operation operation =
      primitive("second_half", {.documentation = "The second half of a list, and three sevens.",
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
  EXPECT_TRUE(same_bits(apply(second_half(), {x}), Tensor({3.0, 4.0, 7.0, 7.0, 7.0})));
  EXPECT_EQ(copies([](const Tensor& a) { return apply(second_half(), {a}) * 2.0; }, numbers({1000}, 1), "second_half"),
            0U);
}

/// Some views of a list as a list of five.
const std::array<std::optional<View>, 10> views = {{
    View{.strides = {2}},                                                     // every second of nine
    View{.first = 4, .strides = {0}, .low = {1}, .high = {3}, .outside = 7},  // one, repeated
    View{.first = 4, .strides = {1}, .low = {2}, .high = {2}, .outside = 7},  // nothing
    View{.strides = {3}},                                                     // beyond the end
    View{.first = 3, .strides = {-1}},                                        // before the beginning
    View{.strides = {1, 1}},                                                  // of two axes
    View{.strides = {1}, .low = {0}, .high = {6}},                            // beyond the result
    View{.strides = {1}, .low = {3}, .high = {2}},                            // backwards
    View{.strides = {1}, .low = {0}},                                         // without an end
    std::nullopt,
}};

const Operation& list_of_five() {
  static const Operation operation =
      primitive("list_of_five", {.documentation = "Five elements of a list.",
                                 .category = Category::shape,
                                 .attributes = {{"view", std::int64_t{0}}},
                                 .differentiable = false,
                                 .view =
                                     [](const Shape&, const Shape&, const Attributes& attributes) {
                                       return views.at(static_cast<std::size_t>(attributes.integer("view")));
                                     },
                                 .infer =
                                     [](auto inputs, const Attributes&, auto results) {
                                       results[0] = {inputs[0].dtype(), Shape{5}};
                                     }});
  return operation;
}

TEST(CompiledViews, ThatCannotBeAreRefusedByName) {
  const Tensor x = arange(0, 9, 1, DType::f64);
  const std::array<Tensor, 3> expected = {Tensor({0.0, 2.0, 4.0, 6.0, 8.0}), Tensor({7.0, 4.0, 4.0, 7.0, 7.0}),
                                          Tensor({7.0, 7.0, 7.0, 7.0, 7.0})};
  for (std::size_t i = 0; i < views.size(); ++i) {
    SCOPED_TRACE(i);
    const auto call = [&](const Tensor& a) {
      return apply(list_of_five(), {a}, {{"view", static_cast<std::int64_t>(i)}}) * 1.0;
    };
    if (i < expected.size()) {
      EXPECT_TRUE(same_bits(call(x), expected[i]));
      EXPECT_TRUE(same_bits(compile(call)(x), expected[i]));
    } else {
      EXPECT_EQ(message_of<ValueError>([&] { call(x); }),
                "list_of_five: gives no view within f64 [9] for f64 [5]; expected one, or a kernel");
    }
  }
}

TEST(CompiledViews, AreOfOneInputAndOneResult) {
  Operation definition = list_of_five();
  definition.inputs = 2;
  EXPECT_EQ(message_of<ValueError>([&] { primitive("pair", definition); }),
            "operation 'pair' is defined without one input and one result, for its view");
}

}  // namespace
}  // namespace wengert

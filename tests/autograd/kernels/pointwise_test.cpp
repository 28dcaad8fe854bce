#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include "autograd/kernels/programs.h"
#include <gtest/gtest.h>

#include <wengert/autograd/kernels/pointwise.h>

namespace wengert::kernels {
namespace {

using Shape = std::vector<std::int64_t>;

std::int64_t count_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

TEST(Program, KnowsTheNameAndArityOfEveryPrimitive) {
  EXPECT_STREQ(name_of(Primitive::constant), "constant");
  EXPECT_STREQ(name_of(Primitive::log1p), "log1p");
  EXPECT_STREQ(name_of(Primitive::copy_sign), "copy_sign");
  EXPECT_EQ(arity(Primitive::constant), 0);
  EXPECT_EQ(arity(Primitive::erfc), 1);
  EXPECT_EQ(arity(Primitive::hypot), 2);
  EXPECT_EQ(arity(Primitive::select), 3);
}

TEST(Pointwise, RunsAChainOverAnyNumberOfElements) {
  // 2 · (x + 1) − x² with a uniform, a constant and a value that is used twice.
  const Program program = {.inputs = 1,
                           .uniforms = 1,
                           .instructions = {{Primitive::constant, 0, 0, 0, 1.0},
                                            {Primitive::add, 0, 2},
                                            {Primitive::mul, 3, 1},
                                            {Primitive::mul, 0, 0},
                                            {Primitive::sub, 4, 5}},
                           .outputs = {6}};
  const PointwiseKernel kernel(program);
  const std::int64_t stride = 1;
  const double two = 2;
  for (const std::int64_t count : {1, 2, 7, 15, 16, 17, 63, 64, 1000, 1024, 1025, 5000, 1'100'003}) {
    const std::vector<double> x = random_numbers<double>(static_cast<std::size_t>(count), 1);
    std::vector<double> y(x.size());
    const PointwiseInput input = {x.data(), DType::f64, &stride};
    const PointwiseOutput output = {y.data(), DType::f64};
    kernel.run(DType::f64, {&input, 1}, {&two, 1}, {&output, 1}, {&count, 1});
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], 2 * (x[i] + 1) - x[i] * x[i]) << count << " " << i;
  }
}

TEST(Pointwise, RefusesAProgramThatReadsAnUndefinedValue) {
  EXPECT_THROW(PointwiseKernel({.inputs = 1, .instructions = {{Primitive::neg, 1}}, .outputs = {1}}), std::logic_error);
  EXPECT_THROW(PointwiseKernel({.inputs = 1, .instructions = {}, .outputs = {1}}), std::logic_error);
}

TEST(Pointwise, RefusesToRunWithTheWrongNumberOfInputs) {
  const PointwiseKernel kernel(single(Primitive::neg));
  EXPECT_THROW(kernel.run(DType::f32, {}, {}, {}, {}), std::logic_error);
}

TEST(Pointwise, RefusesPrimitivesThatIntegersDoNotHave) {
  EXPECT_THROW(run<std::int32_t>(single(Primitive::exp), DType::i32, std::vector<std::int32_t>{1}), std::logic_error);
  EXPECT_THROW(
      run<std::uint8_t>(single(Primitive::add), DType::u8, std::vector<std::uint8_t>{1}, std::vector<std::uint8_t>{1}),
      std::logic_error);
}

TEST(Pointwise, RoundsUniformsToTheComputeType) {
  const Program program = {.uniforms = 1, .instructions = {}, .outputs = {0}};
  const double third = 1.0 / 3;
  double result = 0;
  const PointwiseOutput output = {&result, DType::f64};
  PointwiseKernel(program).run(DType::f32, {}, {&third, 1}, {&output, 1}, {});
  EXPECT_EQ(result, double{static_cast<float>(third)});
}

// Broadcasting and strides against the definition.

struct View {
  std::vector<float> memory;
  Shape strides;
  std::int64_t start = 0;
  const float* data() const { return memory.data() + start; }
};

// A view of `shape` of a random kind: some axes repeat, the others are permuted, spread or reversed.
View random_view(const Shape& shape, std::mt19937& engine) {
  View view{.memory = {}, .strides = Shape(shape.size(), 0)};
  std::vector<std::size_t> order(shape.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto kind = engine() % 4;
  if (kind >= 2) std::shuffle(order.begin(), order.end(), engine);
  std::int64_t extent = 1;
  for (std::size_t k = order.size(); k-- > 0;) {
    const std::size_t axis = order[k];
    if (kind >= 1 && engine() % 3 == 0) continue;
    if (kind == 3) extent *= 1 + static_cast<std::int64_t>(engine() % 2);
    const bool reversed = kind == 3 && engine() % 3 == 0;
    view.strides[axis] = reversed ? -extent : extent;
    if (reversed) view.start += extent * (shape[axis] - 1);
    extent *= shape[axis];
  }
  view.memory = random_numbers<float>(static_cast<std::size_t>(std::max<std::int64_t>(extent, 1)),
                                      static_cast<std::uint32_t>(engine()));
  return view;
}

float at(const View& view, const Shape& shape, std::int64_t element) {
  std::int64_t offset = 0;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    offset += element % shape[axis] * view.strides[axis];
    element /= shape[axis];
  }
  return view.data()[offset];
}

// (a · b − c) of three random views of `shape`.
void expect_the_naive_loop(const Shape& shape, std::mt19937& engine) {
  const Program program = {
      .inputs = 3, .instructions = {{Primitive::mul, 0, 1}, {Primitive::sub, 3, 2}}, .outputs = {4}};
  const std::array views = {random_view(shape, engine), random_view(shape, engine), random_view(shape, engine)};
  std::array<PointwiseInput, 3> inputs;
  for (std::size_t i = 0; i < 3; ++i) inputs[i] = {views[i].data(), DType::f32, views[i].strides.data()};
  std::vector<float> result(static_cast<std::size_t>(count_of(shape)));
  const PointwiseOutput output = {result.data(), DType::f32};
  PointwiseKernel(program).run(DType::f32, inputs, {}, {&output, 1}, shape);
  for (std::int64_t i = 0; i < count_of(shape); ++i) {
    const float expected = at(views[0], shape, i) * at(views[1], shape, i) - at(views[2], shape, i);
    ASSERT_EQ(result[static_cast<std::size_t>(i)], expected) << "element " << i;
  }
}

TEST(Pointwise, BroadcastsAndStridesLikeTheNaiveLoop) {
  std::mt19937 engine(7);
  for (int trial = 0; trial < 600 && !HasFatalFailure(); ++trial) {
    SCOPED_TRACE(trial);
    Shape shape(engine() % 9);
    for (std::int64_t& size : shape) {
      size = 1 + static_cast<std::int64_t>(engine() % (shape.size() <= 2 ? 70 : shape.size() <= 4 ? 9 : 3));
    }
    expect_the_naive_loop(shape, engine);
  }
}

TEST(Pointwise, BroadcastsLikeTheNaiveLoopWhereTilesReadTheSameAgain) {
  std::mt19937 engine(8);
  const auto up_to = [&engine](unsigned most) { return 1 + static_cast<std::int64_t>(engine() % most); };
  for (int trial = 0; trial < 200 && !HasFatalFailure(); ++trial) {
    SCOPED_TRACE(trial);
    // With a whole number of periods in a tile, and without.
    const std::int64_t inner = trial % 2 == 0 ? 32 : up_to(40);
    expect_the_naive_loop({up_to(3), up_to(2000 / static_cast<unsigned>(inner)), up_to(2), up_to(3), inner}, engine);
    expect_the_naive_loop({up_to(4), up_to(300), inner}, engine);
  }
}

TEST(Pointwise, RunsOverNothingInAnEmptyTensor) {
  const Shape shape = {3, 0, 2};
  const Shape strides = contiguous_strides(shape);
  const PointwiseInput input = {nullptr, DType::f32, strides.data()};
  const PointwiseOutput output = {nullptr, DType::f32};
  EXPECT_NO_THROW(PointwiseKernel(single(Primitive::exp)).run(DType::f32, {&input, 1}, {}, {&output, 1}, shape));
}

TEST(Pointwise, NeverWritesBeyondTheResult) {
  for (std::size_t count = 1; count < 70; ++count) {
    std::vector<float> x(count, 1.0F);
    std::vector<float> y(count + 64, -7.0F);
    const std::int64_t stride = 1;
    const auto size = static_cast<std::int64_t>(count);
    const PointwiseInput input = {x.data(), DType::f32, &stride};
    const PointwiseOutput output = {y.data(), DType::f32};
    PointwiseKernel(single(Primitive::neg)).run(DType::f32, {&input, 1}, {}, {&output, 1}, {&size, 1});
    for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], i < count ? -1.0F : -7.0F) << count << " " << i;
  }
}

// Results written over inputs.

TEST(Pointwise, WritesPaddedResultsUpToTheEndOfTheirLastBlockAtMost) {
  // (x − y) · x, which reads x after an output was written; the result over x, over y, or apart.
  const Program program = {
      .inputs = 2, .instructions = {{Primitive::sub, 0, 1}, {Primitive::mul, 2, 0}}, .outputs = {2, 3}};
  const PointwiseKernel kernel(program);
  const std::int64_t stride = 1;
  constexpr std::size_t block = block_bytes / sizeof(double), most = 2100;
  for (const std::size_t count : {1U, 3U, 8U, 9U, 100U, 2050U}) {
    for (const std::size_t over : {0U, 1U, 2U}) {
      std::vector<double> x = random_numbers<double>(most, 3), y = random_numbers<double>(most, 4);
      std::vector<double> difference(most, 7), product(most, 7);
      const std::vector<double> x_before = x, y_before = y;
      std::vector<double>& first = over == 0 ? x : over == 1 ? y : difference;
      const std::vector<double> first_before = first;
      const std::array inputs = {PointwiseInput{x.data(), DType::f64, &stride, true},
                                 PointwiseInput{y.data(), DType::f64, &stride, true}};
      const std::array outputs = {PointwiseOutput{first.data(), DType::f64, true},
                                  PointwiseOutput{product.data(), DType::f64, true}};
      const auto total = static_cast<std::int64_t>(count);
      kernel.run(DType::f64, inputs, {}, outputs, {&total, 1});
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(first[i], x_before[i] - y_before[i]) << i << " of " << count << " over " << over;
        ASSERT_EQ(product[i], (x_before[i] - y_before[i]) * x_before[i]) << i << " of " << count << " over " << over;
      }
      for (std::size_t i = (count + block - 1) / block * block; i < most; ++i) {
        ASSERT_EQ(first[i], first_before[i]) << i << " beyond " << count;
        ASSERT_EQ(product[i], 7) << i << " beyond " << count;
      }
    }
  }
}

TEST(Pointwise, MayWriteOverAnInputThatIsStillReadLater) {
  // u = x + y over x, v = u · x over y, x again (an output that names an input) to a third place.
  const Program program = {.inputs = 2,
                           .instructions = {{Primitive::add, 0, 1}, {Primitive::mul, 2, 0}, {Primitive::sub, 3, 1}},
                           .outputs = {2, 4, 0, 1}};
  for (const std::int64_t count : {1, 5, 16, 3000, 4096, 4099}) {
    const std::vector<float> x = random_numbers<float>(static_cast<std::size_t>(count), 1);
    const std::vector<float> y = random_numbers<float>(static_cast<std::size_t>(count), 2);
    std::vector<float> a = x;
    std::vector<float> b = y;
    std::vector<float> c(x.size());
    std::vector<float> d(x.size());
    const std::int64_t stride = 1;
    const std::array inputs = {PointwiseInput{a.data(), DType::f32, &stride},
                               PointwiseInput{b.data(), DType::f32, &stride}};
    const std::array outputs = {PointwiseOutput{a.data(), DType::f32}, PointwiseOutput{b.data(), DType::f32},
                                PointwiseOutput{c.data(), DType::f32}, PointwiseOutput{d.data(), DType::f32}};
    PointwiseKernel(program).run(DType::f32, inputs, {}, outputs, {&count, 1});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float u = x[i] + y[i];
      ASSERT_EQ(a[i], u) << i;
      ASSERT_EQ(b[i], u * x[i] - y[i]) << i;
      ASSERT_EQ(c[i], x[i]) << i;
      ASSERT_EQ(d[i], y[i]) << i;
    }
  }
}

TEST(Pointwise, MaySwapItsInputs) {
  const Program program = {.inputs = 2, .instructions = {}, .outputs = {1, 0}};
  std::vector<double> a = random_numbers<double>(1000, 1);
  std::vector<double> b = random_numbers<double>(1000, 2);
  const std::vector<double> x = a;
  const std::vector<double> y = b;
  const std::int64_t stride = 1;
  const std::int64_t count = 1000;
  const std::array inputs = {PointwiseInput{a.data(), DType::f64, &stride},
                             PointwiseInput{b.data(), DType::f64, &stride}};
  const std::array outputs = {PointwiseOutput{a.data(), DType::f64}, PointwiseOutput{b.data(), DType::f64}};
  PointwiseKernel(program).run(DType::f64, inputs, {}, outputs, {&count, 1});
  EXPECT_EQ(a, y);
  EXPECT_EQ(b, x);
}

// Programs of every size.

TEST(Pointwise, RunsProgramsWithMoreLiveValuesThanTheStackHolds) {
  // x·1, x·2 … x·n are all alive before they are summed from the last to the first.
  constexpr std::uint16_t values = 700;
  Program program{.inputs = 1, .uniforms = 0, .instructions = {}, .outputs = {}};
  for (std::uint16_t i = 0; i < values; ++i) {
    program.instructions.push_back({Primitive::constant, 0, 0, 0, i + 1.0});
    program.instructions.push_back({Primitive::mul, 0, static_cast<std::uint16_t>(2 * i + 1)});
  }
  auto sum = static_cast<std::uint16_t>(2 * values);
  for (std::uint16_t i = values - 1; i-- > 0;) {
    program.instructions.push_back({Primitive::add, sum, static_cast<std::uint16_t>(2 * i + 2)});
    sum = static_cast<std::uint16_t>(program.instructions.size());
  }
  program.outputs = {sum};
  const std::vector<double> y = run<double>(program, DType::f64, std::vector<double>(1000, 3.0));
  for (const double value : y) ASSERT_EQ(value, 3.0 * values * (values + 1) / 2);
}

TEST(Pointwise, GivesUniformResultsAndRepeatedOutputs) {
  const Program program = {.inputs = 1,
                           .uniforms = 1,
                           .instructions = {{Primitive::sqrt, 1}, {Primitive::add, 0, 2}, {Primitive::exp, 0}},
                           .outputs = {2, 3, 3, 1}};
  const std::int64_t stride = 1;
  const std::int64_t count = 37;
  const double four = 4;
  const std::vector<double> x = random_numbers<double>(37, 3);
  std::array<std::vector<double>, 4> results;
  std::array<PointwiseOutput, 4> outputs;
  for (std::size_t k = 0; k < 4; ++k) {
    results[k].resize(37);
    outputs[k] = {results[k].data(), DType::f64};
  }
  const PointwiseInput input = {x.data(), DType::f64, &stride};
  PointwiseKernel(program).run(DType::f64, {&input, 1}, {&four, 1}, outputs, {&count, 1});
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(results[0][i], 2);
    EXPECT_EQ(results[1][i], x[i] + 2);
    EXPECT_EQ(results[2][i], x[i] + 2);
    EXPECT_EQ(results[3][i], 4);
  }
}

// The same bits wherever an element stands.

template <typename T>
void expect_position_independence(Primitive primitive) {
  const auto operands = static_cast<std::size_t>(arity(primitive));
  const PointwiseKernel kernel(single(primitive));
  std::array<std::vector<T>, 3> numbers;
  for (std::size_t k = 0; k < 3; ++k) {
    numbers[k] = random_numbers<T>(192, static_cast<std::uint32_t>(k) + 5);
    // Among them such that leave the fast path of their vector.
    numbers[k][3] = static_cast<T>(-90);
    numbers[k][70] = static_cast<T>(1e9);
    numbers[k][90] = static_cast<T>(-1e30);
    numbers[k][100] = std::numeric_limits<T>::infinity();
    numbers[k][120] = std::numeric_limits<T>::denorm_min();
  }
  const std::int64_t stride = 1;
  const auto run_part = [&](std::size_t first, std::size_t count) {
    std::array<PointwiseInput, 3> inputs;
    for (std::size_t k = 0; k < 3; ++k) inputs[k] = {numbers[k].data() + first, dtype_of<T>, &stride};
    std::vector<T> result(count);
    const PointwiseOutput output = {result.data(), dtype_of<T>};
    const auto size = static_cast<std::int64_t>(count);
    kernel.run(dtype_of<T>, std::span(inputs).first(operands), {}, {&output, 1}, {&size, 1});
    return result;
  };
  const std::vector<T> whole = run_part(0, 192);
  for (std::size_t first = 0; first <= 64; ++first) {
    const std::vector<T> part = run_part(first, 128);
    for (std::size_t i = 0; i < part.size(); ++i) {
      ASSERT_TRUE(same_bits(part[i], whole[first + i]))
          << name_of(primitive) << " offset " << first << " element " << i;
    }
  }
  for (std::size_t i = 0; i < whole.size(); ++i)
    ASSERT_TRUE(same_bits(run_part(i, 1)[0], whole[i])) << name_of(primitive);
}

TEST(Pointwise, GivesAnElementTheSameBitsAtEveryPlaceOnEveryInstructionSet) {
  for_each_instruction_set([] {
    for (auto primitive = Primitive::add; primitive <= Primitive::copy_sign;
         primitive = static_cast<Primitive>(static_cast<int>(primitive) + 1)) {
      expect_position_independence<float>(primitive);
      expect_position_independence<double>(primitive);
    }
  });
}

}  // namespace
}  // namespace wengert::kernels

#include <memory>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/autograd.h>
#include <wengert/autograd/kernels/memory.h>

// What a tape keeps, and for how long.

namespace wengert {
namespace {

/// A tensor on memory whose life can be watched.
struct Watched {
  std::weak_ptr<const void> memory;
  Tensor tensor;
};
Watched watched_memory(const Shape& shape) {
  auto values = std::make_shared<std::vector<double>>(static_cast<std::size_t>(shape.elements()), 0.5);
  const double* elements = values->data();
  return {values, Tensor::borrow(elements, shape, values)};
}

TEST(Recording, KeepsOnlyTheValuesThatRulesDeclared) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  const Tensor y = sigmoid(x);  // reads its output
  const Tensor z = y + 1;       // reads nothing
  const Tensor w = z * exp(z);  // exp reads its output, mul both inputs
  const Tensor total = sum(w);  // reads nothing but shapes
  EXPECT_FALSE(tape.value(tape.number_of(x)).kept.defined());
  EXPECT_TRUE(tape.value(tape.number_of(y)).kept.defined());
  EXPECT_TRUE(tape.value(tape.number_of(z)).kept.defined());
  EXPECT_FALSE(tape.value(tape.number_of(w)).kept.defined());
  EXPECT_FALSE(tape.value(tape.number_of(total)).kept.defined());
  EXPECT_EQ(tape.value(tape.number_of(w)).shape, Shape{2});
  EXPECT_EQ(tape.value(tape.number_of(w)).dtype, DType::f64);
  EXPECT_THROW(static_cast<void>(tape.value(1000)), ValueError);
}

TEST(Recording, LetsGoOfWhatNoRuleReads) {
  Tape tape;
  Watched start = watched_memory({3});
  Tensor x = tape.watch(start.tensor);
  start.tensor = {};
  const Tensor y = x + 1;
  x = {};
  EXPECT_TRUE(start.memory.expired()) << "an addition needs the shapes of its inputs alone";

  Watched read = watched_memory({3});
  Tensor z = tape.watch(read.tensor);
  read.tensor = {};
  const Tensor squares = z * z;
  z = {};
  EXPECT_FALSE(read.memory.expired()) << "a product needs its factors";
}

TEST(Recording, LetsGoOfEverythingWhenTheOutermostTapeCloses) {
  Watched start = watched_memory({3});
  Watched within = watched_memory({3});
  {
    Tape outer;
    {
      Tape inner;
      const Tensor x = inner.watch(outer.watch(start.tensor));
      const Tensor y = sum(exp(x) * x * within.tensor);
      static_cast<void>(inner.gradient(y, x));
    }
    start.tensor = within.tensor = {};
    EXPECT_FALSE(start.memory.expired());
    EXPECT_FALSE(within.memory.expired());
  }
  EXPECT_TRUE(start.memory.expired());
  EXPECT_TRUE(within.memory.expired());
}

TEST(Recording, KeepsEveryValueWhenTold) {
  Tape tape({.keep_all = true});
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  const Tensor y = x + Tensor({5.0, 6.0});
  const Tensor larger = x < y;  // not differentiable, but part of the program
  ASSERT_EQ(tape.records().size(), 2U);
  for (const Record& record : tape.records()) {
    for (const std::uint32_t input : record.inputs) EXPECT_TRUE(tape.value(input).kept.defined());
    for (const std::uint32_t output : record.outputs) EXPECT_TRUE(tape.value(output).kept.defined());
  }
  EXPECT_EQ(tape.records()[1].operation->name, "less");
  EXPECT_EQ(tape.records()[1].outputs[0], tape.number_of(larger));
}

TEST(Recording, GivesTheSameGradientsWhenEveryValueIsKept) {
  const auto gradient = [](bool keep_all) {
    Tape tape({.keep_all = keep_all});
    const Tensor x = tape.watch(Tensor({0.3, 1.7}));
    // Goes through integers on the way, where no gradient passes.
    const Tensor whole = cast(cast(x * 3, DType::i32), DType::f64);
    const auto dx = tape.gradient(sum(x * x + whole * x), x).data<double>();
    return std::vector<double>(dx.begin(), dx.end());
  };
  EXPECT_EQ(gradient(false), (std::vector<double>{0.6, 3.4 + 5}));
  EXPECT_EQ(gradient(true), gradient(false));
}

TEST(Recording, ShowsAnOuterTapeTheRecordsOfAnInnerOne) {
  Tape outer;
  const Tensor x = outer.watch(Tensor(2.0));
  const Tensor y = x * x;
  Tape inner;
  const Tensor z = inner.watch(y);
  const Tensor w = exp(z);
  EXPECT_EQ(inner.records().back().operation->name, "exp");
  EXPECT_EQ(outer.records().front().operation->name, "mul");
  EXPECT_EQ(outer.records().size(), inner.records().size() + 1);
  const std::size_t before = inner.records().size();
  static_cast<void>(inner.gradient(w, z));
  EXPECT_EQ(inner.records().size(), before) << "its own walk";
  EXPECT_GT(outer.records().size(), before + 1) << "to the outer tape the inner walk is a computation like any other";
}

TEST(Recording, TakesMoreInputsThanSixteenBitsCount) {
  const std::size_t count = 70'000;
  Tape tape;
  const Tensor x = tape.watch(Tensor({2.0}));
  const std::vector<Tensor> parts(count, x);
  const Tensor y = sum(concat(parts, 0));
  EXPECT_EQ(y.item(), 2.0 * static_cast<double>(count));
  EXPECT_EQ(tape.gradient(y, x).item(), static_cast<double>(count));
}

TEST(Recording, LeaksNothingWhenExceptionsCrossTapes) {
  static const Operation thrower =
      primitive("thrower", {.reads = {.inputs = 1},
                            .infer =
                                [](auto inputs, const Attributes&, auto results) {
                                  results[0] = {inputs[0].dtype(), inputs[0].shape()};
                                },
                            .evaluate = [](auto inputs, const Attributes&) { return inputs[0] * 2; },
                            .vjp =
                                [](const Vjp& vjp) {
                                  const Tensor half_done = vjp.input() * vjp.dy();
                                  throw std::runtime_error("in a rule, after " + to_string(half_done));
                                }});
  const auto fail = [] {
    Tape outer;
    const Tensor x = outer.watch(ones({1000}, DType::f64));
    Tape inner;
    const Tensor y = inner.watch(x);
    const Tensor z = sum(exp(apply(thrower, {sin(y)})));
    EXPECT_THROW(inner.gradient(z, y), std::runtime_error);
    const std::size_t recorded = inner.records().size();
    static_cast<void>(exp(y));
    EXPECT_EQ(inner.records().size(), recorded + 1) << "after a walk that failed a tape records again";
    throw std::runtime_error("across both tapes");
  };
  EXPECT_THROW(fail(), std::runtime_error);
  EXPECT_THROW(fail(), std::runtime_error);
  const std::uint64_t before = kernels::system_allocations();
  for (int i = 0; i < 20; ++i) EXPECT_THROW(fail(), std::runtime_error);
#ifndef __SANITIZE_ADDRESS__  // which takes the pool away, and looks for leaks itself
  EXPECT_EQ(kernels::system_allocations(), before) << "what leaks is missing from the pool";
#endif
  Tape tape;
  EXPECT_TRUE(tape.records().empty());
}

TEST(Recording, OfATrainingStepAsksTheSystemForNothing) {
  const Parameter weight(full({20, 16}, 0.05), "weight");
  const Parameter bias(zeros({16}), "bias");
  const Tensor x = ones({8, 20});
  const auto step = [&] {
    Tape tape;
    const Tensor loss = mean(square(tanh(matmul(x, weight.value()) + bias.value())));
    for (const auto& [parameter, gradient] : tape.gradient(loss)) {
      Parameter target = parameter;
      target.assign(stop_gradient(parameter) - 0.1 * gradient);
    }
  };
  for (int i = 0; i < 5; ++i) step();
  const std::uint64_t before = kernels::system_allocations();
  for (int i = 0; i < 20; ++i) step();
#ifndef __SANITIZE_ADDRESS__
  EXPECT_EQ(kernels::system_allocations(), before);
#endif
  EXPECT_NE(weight.value().data<float>()[0], 0.05F);
}

}  // namespace
}  // namespace wengert

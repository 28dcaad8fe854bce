#include <string>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>

// What is cheap to compute of a large array is computed where it is read, and not written.

namespace wengert {
namespace {

const Shape large{600, 500};  // 1.2 MB of f32

/// How many results of pointwise records are as large as `large`.
template <typename F>
std::size_t large_results(const F& function, const Tensors& inputs, bool recompute = true) {
  detail::Graph graph = detail::fuse_pointwise(detail::remove_dead_records(recorded(function, inputs)));
  if (recompute) graph = detail::recompute(std::move(graph));
  std::size_t count = 0;
  for (const detail::GraphRecord& record : graph.records) {
    if (!record.is_pointwise()) continue;
    for (const detail::Use& use : record.outputs) count += use.shape.elements() == large.elements() ? 1 : 0;
  }
  return count;
}

Tensors normalized_and_gradient(std::span<const Tensor> in) {
  Tape tape;
  const Tensor x = tape.watch(in[0]);
  const Tensor from_mean = x - mean(x, {1}, true);
  const Tensor y = from_mean / sqrt(mean(from_mean * from_mean, {1}, true) + 1e-5);
  return {y, tape.gradient(sum(y * sin(y)), {x})[0]};
}

TEST(Recompute, ADifferenceIsNotWritten) {
  const auto squares = [](std::span<const Tensor> in) {
    const Tensor from_mean = in[0] - mean(in[0], {1}, true);
    return Tensors{exp(from_mean / sum(from_mean * from_mean, {1}, true))};
  };
  EXPECT_EQ(large_results(squares, {numbers(large, 1)}, false), 3U) << "the difference, its square and the result";
  EXPECT_EQ(large_results(squares, {numbers(large, 1)}), 2U);
  EXPECT_EQ(large_results(squares, {numbers({60, 50}, 1)}), 0U);
  const auto planned = [&](bool recompute) {
    const auto compiled = compile(squares, {.recompute = recompute});
    const Tensors inputs{numbers(large, 1)};
    compiled(std::span<const Tensor>(inputs));
    return compiled.explain();
  };
  EXPECT_NE(replayed(planned(true)).find("{sub div exp}"), std::string::npos) << planned(true);
  EXPECT_EQ(replayed(planned(false)).find("{sub div exp}"), std::string::npos) << planned(false);
}

// The record that makes the marks adds them up on its way, and the one that shares the adjoint makes them again.
TEST(Recompute, WhatIsReducedIsMadeOnceMoreForOthers) {
  const auto gradient_of_largest = [](std::span<const Tensor> in) {
    Tape tape;
    const Tensor x = tape.watch(in[0]);
    return Tensors{tape.gradient(sum(exp(max(x, {1}))), {x})[0]};
  };
  const Tensors inputs{floor(numbers(large, 1) * 100.0)};  // the largest stand there several times
  const auto programs = expect_bits_of_eager(
      gradient_of_largest, [&](const auto& f) { return f(std::span<const Tensor>(inputs)); }, {.recompute = false});
  EXPECT_NE(replayed(programs.with).find("{equal where mul}"), std::string::npos) << programs.with;
  EXPECT_NE(replayed(programs.with).find("fleeting"), std::string::npos) << programs.with;
  EXPECT_EQ(replayed(programs.without).find("fleeting"), std::string::npos) << programs.without;
}

// What is dear, a result, read by a product, or made of what would be written for it alone.
TEST(Recompute, LeavesWhatHasToBeOrCostsMore) {
  const auto expect_left = [](const char* what, const auto& function) {
    const Tensors inputs{numbers(large, 1), numbers({500, 600}, 2)};
    EXPECT_EQ(large_results(function, inputs), large_results(function, inputs, false)) << what;
  };
  expect_left("exp", [](std::span<const Tensor> in) {
    const Tensor y = exp(in[0]);
    return Tensors{y / sum(y, {1}, true)};
  });
  expect_left("a quotient", [](std::span<const Tensor> in) {
    const Tensor y = in[0] / 3.0;
    return Tensors{y * sum(y * y, {1}, true)};
  });
  expect_left("a result", [](std::span<const Tensor> in) {
    const Tensor y = in[0] - 3.0;
    return Tensors{y, y * sum(y * y, {1}, true)};
  });
  expect_left("read by a product", [](std::span<const Tensor> in) {
    const Tensor y = in[0] - 3.0;
    return Tensors{y * sum(y * y, {1}, true), matmul(y, in[1])};
  });
  expect_left("of a product", [](std::span<const Tensor> in) {
    const Tensor y = matmul(in[0], transpose(in[0])) - 3.0;  // [600, 600]
    return Tensors{y * sum(y * y, {1}, true)};
  });
  expect_left("of two arrays", [](std::span<const Tensor> in) {
    const Tensor y = in[0] - transpose(in[1]);
    return Tensors{y * sum(y * y, {1}, true)};
  });
}

TEST(Recompute, GivesTheBitsOfEager) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensors inputs{numbers(large, 1, dtype)};
    const auto programs =
        expect_bits_of_eager(normalized_and_gradient, [&](const auto& f) { return f(std::span<const Tensor>(inputs)); },
                             {.recompute = false});
    EXPECT_NE(programs.with, programs.without);
  }
}

// The old value of a parameter is not read again after the new one was written over it.
TEST(Recompute, LeavesParametersTheirPlace) {
  const auto step = [](Parameter& weight) {
    const Tensor from_mean = weight.value() - mean(weight.value(), {1}, true);
    const Tensor length = sum(from_mean * from_mean, {1}, true);
    weight.assign(weight.value() - from_mean / (length + 1.0));
  };
  expect_eager_parameter(step, numbers(large, 1));
}

}  // namespace
}  // namespace wengert

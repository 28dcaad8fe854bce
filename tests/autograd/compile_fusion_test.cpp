#include <algorithm>
#include <array>
#include <cstddef>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/scalar.h>
#include <wengert/autograd/tape.h>

// Which pointwise records become one, and what one computes for another.

namespace wengert {
namespace {

template <typename F>
detail::Graph fused(const F& function, const Tensors& inputs) {
  return detail::fuse_pointwise(detail::remove_dead_records(recorded(function, inputs)));
}

std::size_t pointwise_records(const detail::Graph& graph) {
  return static_cast<std::size_t>(std::count_if(graph.records.begin(), graph.records.end(),
                                                [](const auto& record) { return record.is_pointwise(); }));
}

/// How many instructions of all programs are this primitive.
std::size_t occurrences(const detail::Graph& graph, kernels::Primitive primitive) {
  std::size_t count = 0;
  for (const detail::GraphRecord& record : graph.records) {
    if (!record.is_pointwise()) continue;
    for (const auto& instruction : detail::program_of(record).instructions) count += instruction.primitive == primitive;
  }
  return count;
}

/// The gates of an LSTM: products, and formulas of them that come together at last.
Tensors gates(std::span<const Tensor> in) {
  const auto gate = [&](std::size_t i) { return matmul(in[0], in[i]); };
  const Tensor c = sigmoid(gate(1)) * in[0] + sigmoid(gate(2)) * tanh(gate(3));
  return {c, sigmoid(gate(4)) * tanh(c)};
}

TEST(Fusion, JoinsGroupsWhoseResultsOneGroupAloneReads) {
  Tensors inputs;
  for (std::uint64_t i = 0; i < 5; ++i) inputs.push_back(numbers({4, 4}, i));
  EXPECT_EQ(pointwise_records(fused(gates, inputs)), 1U);
  const auto compiled = compile(gates);
  for (int call = 0; call < 2; ++call) {
    const Tensors given = compiled(std::span<const Tensor>(inputs)), expected = gates(inputs);
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same_bits(given[i], expected[i]));
  }
}

TEST(Fusion, LeavesAGroupWhereItIsThatAProductReads) {
  const auto function = [](std::span<const Tensor> in) {
    const Tensor t = tanh(in[0]) + 1.0;
    return Tensors{t * matmul(t, in[0])};
  };
  const Tensors inputs{numbers({4, 4}, 1)};
  EXPECT_EQ(pointwise_records(fused(function, inputs)), 2U);
}

/// gelu between products, and gradients: its own and, of their sum, once more.
Tensors gelu_and_gradients(std::span<const Tensor> in) {
  Tape outer;
  const Tensor w = outer.watch(in[1]);
  Tensors results;
  {
    Tape tape;
    const Tensor x = tape.watch(in[0]);
    const Tensor y = sum(tanh(matmul(gelu(matmul(x, w) + 0.25), w)));
    results = {y, tape.gradient(y, {x})[0]};
  }
  results.push_back(outer.gradient(sum(square(results[1])), {w})[0]);
  return results;
}

Tensors gelu_and_gradient(std::span<const Tensor> in) {
  Tape tape;
  const Tensor x = tape.watch(in[0]);
  const Tensor y = sum(matmul(gelu(matmul(x, in[1])), in[1]));
  return {y, tape.gradient(y, {x})[0]};
}

TEST(SharedSubexpressions, AreComputedOnceWhereThatPays) {
  const auto distributions = [](std::int64_t extent, bool share) {
    detail::Graph graph = fused(gelu_and_gradient, {numbers({extent, extent}, 1), numbers({extent, extent}, 2)});
    if (share) graph = detail::share_subexpressions(std::move(graph));
    return occurrences(graph, kernels::Primitive::normal_cdf);
  };
  EXPECT_EQ(distributions(16, false), 2U);
  EXPECT_EQ(distributions(16, true), 1U);
  EXPECT_EQ(distributions(8, true), 2U) << "few elements";
  EXPECT_EQ(distributions(600, true), 2U) << "more than the cache holds";
}

TEST(SharedSubexpressions, AreNotKeptWhereTheyCostLittle) {
  const auto function = [](std::span<const Tensor> in) {
    Tape tape;
    const Tensor x = tape.watch(in[0]);
    const Tensor y = sum(matmul(relu(matmul(x, in[1]) * 2.0), in[1]));
    return Tensors{y, tape.gradient(y, {x})[0]};
  };
  const Tensors inputs{numbers({16, 16}, 1), numbers({16, 16}, 2)};
  const detail::Graph before = fused(function, inputs);
  EXPECT_EQ(detail::share_subexpressions(before).values.size(), before.values.size());
}

TEST(SharedSubexpressions, OfConstantsAreOfOneShape) {
  const auto function = [](const Tensor& x, const Tensor& y) {
    const Tensor c(0.3f);
    return std::array{exp(broadcast_to(c, x.shape())) * x, exp(broadcast_to(c, y.shape())) * y};
  };
  const Tensor x = numbers({300}, 1), y = numbers({500}, 2);
  const auto expected = function(x, y);
  const auto compiled = compile(function);
  for (int call = 0; call < 2; ++call) {
    const auto given = compiled(x, y);
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same_bits(given[i], expected[i])) << call << i;
  }
}

// What is kept is another result of a record that keeps the numbers of its values, unneeded ones among them.
TEST(SharedSubexpressions, OfARecordThatDoesNotNeedAllItReads) {
  const Operation sum_of_both =
      pointwise("sum_of_both", {.formula = [](Scalar x, Scalar) { return exp(x) + tanh(x); }});
  const Operation first = pointwise("first", {.formula = [](Scalar x, Scalar y) { return exp(x) * y; }});
  const Operation second = pointwise("second", {.formula = [](Scalar x, Scalar y) { return tanh(x) * y; }});
  const auto function = [&](std::span<const Tensor> in) {
    const Tensor a = apply(sum_of_both, in), b = apply(first, {in[0], sum(a)}), c = apply(second, {in[0], sum(b)});
    return Tensors{a, b, c};
  };
  const Tensors inputs{numbers({1024}, 1), numbers({1024}, 2)};
  const auto programs = expect_bits_of_eager(
      function, [&](const auto& f) { return f(std::span<const Tensor>(inputs)); }, {.share_subexpressions = false});
  EXPECT_NE(programs.with, programs.without);
}

TEST(SharedSubexpressions, GiveTheBitsOfEager) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t extent : {3, 16, 33}) {
      const Tensors inputs{numbers({extent, extent}, 1, dtype), numbers({extent, extent}, 2, dtype)};
      const Tensors expected = gelu_and_gradients(inputs);
      for (const bool share : {true, false}) {
        const auto compiled = compile(gelu_and_gradients, {.share_subexpressions = share});
        for (int call = 0; call < 2; ++call) {
          const Tensors given = compiled(std::span<const Tensor>(inputs));
          for (std::size_t i = 0; i < expected.size(); ++i)
            EXPECT_TRUE(same_bits(given[i], expected[i])) << extent << ", result " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace wengert

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include "autograd/kernels/programs.h"
#include "support/apart.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/operations.h>
#include <wengert/optim/internal/adam_update.h>

namespace wengert::optim {
namespace {

/// The three results, by the interpreter of programs.
std::vector<Tensor> interpreted(const Operation& operation, const std::vector<Tensor>& inputs,
                                const Attributes& attributes) {
  const std::int64_t count = inputs[0].size();
  static constexpr std::int64_t next = 1, same = 0;
  std::vector<kernels::PointwiseInput> reads;
  reads.reserve(inputs.size());
  for (const Tensor& x : inputs) {
    reads.push_back({wengert::detail::Access::elements(x), x.dtype(), x.rank() == 0 ? &same : &next});
  }
  std::vector<double> uniforms;
  for (const Attributes::Entry& entry : attributes) uniforms.push_back(std::get<double>(entry.value));
  std::vector<Tensor> results;
  std::vector<kernels::PointwiseOutput> writes;
  for (int k = 0; k < 3; ++k) {
    results.push_back(empty(inputs[0].shape(), inputs[0].dtype()));
    writes.push_back({wengert::detail::Access::elements(results.back()), inputs[0].dtype()});
  }
  kernels::PointwiseKernel(operation.pointwise->program())
      .run(inputs[0].dtype(), reads, uniforms, writes, std::array{count});
  return results;
}

/// p, m, v and the gradient: all but v of both signs.
std::vector<Tensor> ordinary_numbers(std::int64_t count, DType dtype) {
  std::vector<Tensor> inputs;
  for (std::uint64_t seed = 0; seed < 4; ++seed) inputs.push_back(random_tensor({count}, seed + 1, dtype));
  for (const std::size_t k : {0U, 1U, 3U}) inputs[k] = inputs[k] - 0.5;
  return inputs;
}

/// Each of some numbers with each in the other places: zeros, subnormal numbers, what overflows, infinity, NaN.
template <typename T>
std::vector<Tensor> special_numbers() {
  using Limits = std::numeric_limits<T>;
  constexpr std::array numbers{T{0},           -T{0},         Limits::denorm_min(), -Limits::min(),     T{1},
                               -Limits::max(), Limits::max(), Limits::infinity(),   Limits::quiet_NaN()};
  constexpr std::size_t n = numbers.size();
  std::array<std::vector<T>, 4> columns;
  for (std::size_t row = 0; row < n * n * n * n; ++row) {
    for (std::size_t k = 0, rest = row; k < columns.size(); ++k, rest /= n) {
      const T number = numbers[rest % n];
      columns[k].push_back(k == 2 ? std::abs(number) : number);
    }
  }
  return {Tensor(columns[0]), Tensor(columns[1]), Tensor(columns[2]), Tensor(columns[3])};
}

/// Bits; but the sign of a NaN is not promised.
template <typename T>
void expect_same_bits(const Tensor& given, const Tensor& expected) {
  for (std::size_t i = 0; i < expected.data<T>().size(); ++i) {
    const T value = given.data<T>()[i], wanted = expected.data<T>()[i];
    if (std::isnan(value) && std::isnan(wanted)) continue;
    ASSERT_TRUE(kernels::same_bits(value, wanted)) << "element " << i << ": " << value << ", expected " << wanted;
  }
}

template <typename T>
void expect_bits_of_the_program(const Operation& operation, std::vector<Tensor> inputs) {
  const Shape shape = inputs[0].shape();
  SCOPED_TRACE(operation.name + " of " + to_string(shape) + " " + std::string(name_of(inputs[0].dtype())));
  for (std::size_t i = 4; i < operation.inputs; ++i)
    inputs.push_back(full({}, 1e-3 * static_cast<double>(i), inputs[0].dtype()));
  const Attributes attributes{{"one_minus_beta_1", 0.1},
                              {"one_minus_beta_2", 0.001},
                              {"epsilon", 1e-7},
                              {"least_m", 0.125},
                              {"least_v", 0.25}};  // above some of them

  const std::vector<Tensor> expected = interpreted(operation, inputs, attributes);
  std::array<Tensor, 3> given;
  apply(operation, inputs, attributes, given);
  for (std::size_t k = 0; k < 3; ++k) expect_same_bits<T>(given[k], expected[k]);
}

template <typename T>
void expect_bits_of_the_program(const Operation& operation) {
  for (const std::int64_t count : {1, 15, 16, 17, 1000, 100'003})
    expect_bits_of_the_program<T>(operation, ordinary_numbers(count, dtype_of<T>));
  expect_bits_of_the_program<T>(operation, special_numbers<T>());
}

TEST(AdamUpdate, GivesTheBitsOfItsProgramWithEachInstructionSet) {
  // A process chooses the code of an update once: each set has one of its own, that has chosen nothing yet.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  kernels::for_each_instruction_set([] {
    test::apart([] {
      for (const Operation* update : {&detail::adam_update(), &detail::adamw_update()}) {
        expect_bits_of_the_program<float>(*update);
        expect_bits_of_the_program<double>(*update);
      }
    });
  });
}

}  // namespace
}  // namespace wengert::optim

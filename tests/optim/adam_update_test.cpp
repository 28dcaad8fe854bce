#include <array>
#include <cstdint>
#include <vector>

#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/pointwise_rule.h>
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

void expect_same_bits(const Operation& operation, std::int64_t count, DType dtype) {
  std::vector<Tensor> inputs;
  for (std::uint64_t seed = 0; seed < 4; ++seed) inputs.push_back(random_tensor({count}, seed + 1, dtype));
  for (const std::size_t k : {0U, 1U, 3U}) inputs[k] = inputs[k] - 0.5;  // all but v
  for (std::size_t i = 4; i < operation.inputs; ++i) inputs.push_back(full({}, 1e-3 * static_cast<double>(i), dtype));
  const Attributes attributes{{"one_minus_beta_1", 0.1},
                              {"one_minus_beta_2", 0.001},
                              {"epsilon", 1e-7},
                              {"least_m", 0.125},
                              {"least_v", 0.25}};  // above some of them

  const std::vector<Tensor> expected = interpreted(operation, inputs, attributes);
  std::array<Tensor, 3> given;
  apply(operation, inputs, attributes, given);
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_TRUE(same_bits(given[k], expected[k])) << operation.name << " of " << count;
}

TEST(AdamUpdate, GivesTheBitsOfItsProgram) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const std::int64_t count : {1, 15, 16, 17, 1000, 100'003}) {
      expect_same_bits(detail::adam_update(), count, dtype);
      expect_same_bits(detail::adamw_update(), count, dtype);
    }
  }
}

}  // namespace
}  // namespace wengert::optim

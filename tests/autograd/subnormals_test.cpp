#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/autograd.h>
#include <wengert/autograd/kernels/floating_mode.h>

// In the scope of SubnormalsAsZero there are no subnormal numbers, on any thread; elsewhere there are.

namespace wengert {
namespace {

class SubnormalsAndThreads : public testing::Test {
 protected:
  void SetUp() override {
    if (kernels::without_subnormals(0) == 0) GTEST_SKIP() << "this processor's mode is not known";
  }
};

/// Large enough for several threads; what is computed is subnormal in f32, 10⁻⁴⁰ or thereabouts.
std::vector<Tensor> subnormals(const Tensor& tiny, const Tensor& matrix) {
  return {tiny * 1e-10, matmul(matrix, matrix), tiny * 1e-10 * 1e10};
}

bool are_zero(const std::vector<Tensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(),
                     [](const Tensor& tensor) { return same_bits(tensor, zeros(tensor.shape())); });
}
bool have_zeros(const std::vector<Tensor>& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const Tensor& tensor) {
    const auto elements = tensor.data<float>();
    return std::find(elements.begin(), elements.end(), 0.0F) != elements.end();
  });
}

TEST_F(SubnormalsAndThreads, AreZeroInTheScopeOnEveryThreadAndThereAgainAfterIt) {
  const Tensor tiny = full({1 << 20}, 1e-30), matrix = full({400, 400}, 1e-21);
  const auto compiled = compile(subnormals);
  for (const int count : {1, 2, 7}) {
    const ThreadLimit limit(count);
    for (int repetition = 0; repetition < 3; ++repetition) {
      EXPECT_FALSE(have_zeros(subnormals(tiny, matrix))) << count << " threads";
      EXPECT_FALSE(have_zeros(compiled(tiny, matrix))) << count << " threads";
      const SubnormalsAsZero scope;
      EXPECT_TRUE(are_zero(subnormals(tiny, matrix))) << count << " threads";
      EXPECT_TRUE(are_zero(compiled(tiny, matrix))) << count << " threads";
    }
  }
}

TEST_F(SubnormalsAndThreads, AreZeroInACompiledProductWithOneAsInEager) {
  const auto function = [](const Tensor& x, const Tensor& chosen) { return where(chosen, x * 1.0, x * 1.0 + 1.0); };
  const auto compiled = compile(function);
  const Tensor x = full({100}, 1e-40), chosen = ones({100}, DType::boolean);
  for (int call = 0; call < 3; ++call) {
    EXPECT_TRUE(same_bits(compiled(x, chosen), x));
    const SubnormalsAsZero scope;
    EXPECT_TRUE(same_bits(compiled(x, chosen), zeros({100})));
  }
}

TEST_F(SubnormalsAndThreads, ScopesNest) {
  volatile float tiny = 1e-30F;
  {
    const SubnormalsAsZero outer;
    { const SubnormalsAsZero inner; }
    EXPECT_EQ(tiny * 1e-10F, 0);
  }
  EXPECT_NE(tiny * 1e-10F, 0);
}

}  // namespace
}  // namespace wengert

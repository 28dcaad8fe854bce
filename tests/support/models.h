#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/nn/nn.h>

namespace wengert::test {

class Mlp : public nn::Module {
 public:
  Tensor forward(const Tensor& x) override { return output(hidden(x)); }
  void visit(nn::Visitor& v) override {
    v("hidden", hidden);
    v("output", output);
  }
  nn::Dense hidden{4, 3, nn::relu}, output{3, 3};
};

/// Of all parameters, which their handles bear.
inline std::vector<std::string> names(nn::Module& module) {
  std::vector<std::string> result;
  for (const auto& [name, parameter] : module.named_parameters()) {
    EXPECT_EQ(name, parameter.name());
    result.push_back(name);
  }
  return result;
}

inline const Tensor four_numbers({1.0F, -2.0F, 0.5F, 3.0F}, {1, 4});

}  // namespace wengert::test

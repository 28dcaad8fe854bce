#include <wengert/autograd/samples.h>

namespace wengert::detail {

const Tensor& sample_matrix() {
  static const Tensor matrix({{0.5, -1.25, 2.0}, {-0.75, 1.5, -3.0}});
  return matrix;
}

std::vector<Sample> unary_samples() {
  return {
      {{Tensor({-2.5, -1.0, -0.3, 0.0, 0.4, 1.0, 3.0})}},
      {{Tensor({{0.1, -0.2, 0.7}, {-6.0, 8.0, 1e-3}})}},
      {{Tensor(0.75)}},
      {{zeros({2, 0}, DType::f64)}},
  };
}

std::vector<Sample> positive_samples() {
  return {
      {{Tensor({0.05, 0.4, 1.0, 2.5, 30.0})}},
      {{Tensor({{0.3, 7.0}, {1.5, 100.0}})}},
      {{Tensor(0.75)}},
      {{zeros({0}, DType::f64)}},
  };
}

std::vector<Sample> nonzero_samples() {
  return {
      {{Tensor({-2.5, -1.0, -0.3, 0.4, 1.0, 3.0})}},
      {{Tensor({{0.1, -0.2, 0.7}, {-60.0, 8.0, 0.05}})}},
      {{Tensor(0.75)}},
      {{zeros({2, 0}, DType::f64)}},
  };
}

std::vector<Sample> unit_samples() {
  return {
      {{Tensor({-0.95, -0.5, -0.2, 0.0, 0.3, 0.6, 0.9})}},
      {{Tensor({{0.1, -0.35}, {1e-3, 0.8}})}},
      {{Tensor(0.75)}},
      {{zeros({0, 2}, DType::f64)}},
  };
}

std::vector<Sample> activation_samples() {
  return {
      {{Tensor({-30.0, -4.2, -0.8, -0.02, 0.02, 1.4, 25.0})}},
      {{Tensor({{0.1, -0.2, 0.7}, {-6.0, 8.0, 1e-2}})}},
      {{Tensor(0.75)}},
      {{zeros({2, 0}, DType::f64)}},
  };
}

std::vector<Sample> binary_samples() {
  const Tensor& matrix = sample_matrix();
  return {
      {{matrix, Tensor({{1.5, 0.7, -2.2}, {0.4, -1.1, 2.5}})}}, {{matrix, Tensor({1.25, -0.5, 0.8})}},
      {{Tensor({{1.75}, {-0.3}}), Tensor({{-0.9, 0.6, 2.1}})}}, {{Tensor(2.0), Tensor({0.7, -1.3})}},
      {{zeros({0, 3}, DType::f64), Tensor({1.0, 2.0, 3.0})}},
  };
}

std::vector<Sample> reduction_samples() {
  const Tensor& matrix = sample_matrix();
  return {
      {{matrix}, {}},
      {{matrix}, {{"axes", Ints{0}}}},
      {{matrix}, {{"axes", Ints{-1}}, {"keepdims", true}}},
      {{Tensor({0.3, -0.8, 1.7, 0.9, -2.4, 3.1, 0.2, -1.6}, {2, 2, 2})}, {{"axes", Ints{0, 2}}}},
      {{Tensor({{1.5}, {-0.5}})}, {{"axes", Ints{-1}}}},
      {{Tensor(1.5)}, {}},
      {{zeros({0, 3}, DType::f64)}, {{"axes", Ints{1}}}},
  };
}

}  // namespace wengert::detail

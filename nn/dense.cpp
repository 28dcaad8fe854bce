#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/dense.h>

namespace wengert::nn {

namespace {

/// The parameter before it is drawn.
Parameter undrawn_weight(std::int64_t inputs, std::int64_t outputs, DType dtype) {
  if (inputs < 1 || outputs < 1) {
    throw ValueError(fmt::format("dense: {} inputs and {} outputs; expected 1 or more of both", inputs, outputs));
  }
  if (!is_floating(dtype)) {
    throw DTypeError(fmt::format("dense: parameters are f32 or f64, not {}", name_of(dtype)));
  }
  return Parameter(wengert::zeros(Shape{inputs, outputs}, dtype));
}

}  // namespace

Dense::Dense(std::int64_t inputs, std::int64_t outputs, Activation activation, DenseOptions options)
    : initializer_(std::move(options.initializer)),
      bias_initializer_(std::move(options.bias_initializer)),
      weight_(undrawn_weight(inputs, outputs, options.dtype)),
      activation_(std::move(activation)) {
  if (!initializer_ || !bias_initializer_)
    throw ValueError("dense: an initializer is empty; leave it out for the usual one, or give nn::zeros");
  if (options.bias) bias_.emplace(wengert::zeros(Shape{outputs}, options.dtype));
}

Dense::Dense(std::int64_t inputs, std::int64_t outputs, Activation activation)
    : Dense(inputs, outputs, std::move(activation), DenseOptions{}) {}

Dense::Dense(const Dense& other) = default;
Dense::Dense(Dense&& other) noexcept = default;
Dense& Dense::operator=(const Dense& other) = default;
Dense& Dense::operator=(Dense&& other) noexcept = default;
Dense::~Dense() = default;

void Dense::visit(Visitor& visitor) {
  visitor("weight", weight_, initializer_);
  visitor("bias", bias_, bias_initializer_);
}

Tensor Dense::forward(const Tensor& x) {
  build();
  if (x.rank() < 2 || x.shape().back() != weight_.shape()[0]) {
    throw ShapeError(fmt::format("dense: input {} does not fit the weight {}; expected [batch, {}]",
                                 to_string(x.shape()), to_string(weight_.shape()), weight_.shape()[0]));
  }
  const Tensor product = matmul(x, weight_.value());
  return activation_.forward(bias_ ? product + *bias_ : product);
}

Parameter Dense::weight() {
  build();
  return weight_;
}

std::optional<Parameter> Dense::bias() {
  build();
  return bias_;
}

}  // namespace wengert::nn

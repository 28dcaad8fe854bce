#include <array>
#include <string_view>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/optim/internal/zero_below.h>
#include <wengert/optim/sgd.h>

namespace wengert::optim {

namespace {

/// An update as an operation: one pass over the memory of all that is read and written.
Operation update_operation(std::string_view name, Formula formula, std::vector<Attributes::Entry> attributes) {
  return pointwise(name, {.formula = std::move(formula), .attributes = std::move(attributes), .differentiable = false});
}

const Operation& plain_update() {
  static const Operation operation =
      update_operation("sgd", [](Scalar p, Scalar g, Scalar rate) { return p - rate * g; }, {});
  return operation;
}

std::vector<Attributes::Entry> attributes_of(double momentum, DType dtype) {
  return {{"momentum", momentum}, {"least", detail::least_moment(dtype)}};
}

const Operation& momentum_update() {
  const auto formula = [](Scalar p, Scalar u, Scalar g, Scalar rate, Scalar momentum, Scalar least) {
    const Scalar velocity = detail::zero_below(momentum * u - rate * g, least);
    return std::array{p + velocity, velocity};
  };
  static const Operation operation = update_operation("sgd_momentum", formula, attributes_of(0.9, DType::f32));
  return operation;
}

const Operation& nesterov_update() {
  const auto formula = [](Scalar p, Scalar u, Scalar g, Scalar rate, Scalar momentum, Scalar least) {
    const Scalar velocity = detail::zero_below(momentum * u - rate * g, least);
    return std::array{p + (momentum * velocity - rate * g), velocity};
  };
  static const Operation operation = update_operation("sgd_nesterov", formula, attributes_of(0.9, DType::f32));
  return operation;
}

std::vector<std::string> state_names(const SGDOptions& options) {
  return options.momentum == 0 ? std::vector<std::string>{} : std::vector<std::string>{"velocity"};
}

}  // namespace

SGD::SGD(const std::vector<Parameter>& parameters, const SGDOptions& options)
    : Optimizer(parameters, options.learning_rate, state_names(options)) {
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    throw ValueError(fmt::format("sgd: momentum is {}; expected 0 … 1", options.momentum));
  }
  if (options.momentum == 0) {
    if (options.nesterov) throw ValueError("sgd: nesterov needs a momentum above 0; it is 0");
    operation_ = &plain_update();
    return;
  }
  operation_ = options.nesterov ? &nesterov_update() : &momentum_update();
  f32_attributes_ = Attributes(attributes_of(options.momentum, DType::f32));
  f64_attributes_ = Attributes(attributes_of(options.momentum, DType::f64));
}

void SGD::update(Parameter& parameter, const Tensor& gradient, const Tensor& rate, const Tensor&,
                 std::span<Tensor> state) {
  if (state.empty()) {
    parameter.assign(apply(*operation_, {parameter.value(), gradient, rate}));
    return;
  }
  const std::array inputs{parameter.value(), state[0], gradient, rate};
  std::array<Tensor, 2> results;
  apply(*operation_, inputs, gradient.dtype() == DType::f64 ? f64_attributes_ : f32_attributes_, results);
  parameter.assign(results[0]);
  state[0] = std::move(results[1]);
}

}  // namespace wengert::optim

#include <array>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/optim/sgd.h>

namespace wengert::optim {

namespace {

/// An update as an operation: one pass over the memory of all that is read and written.
Operation update_operation(std::string name, Formula formula, std::vector<Attributes::Entry> attributes) {
  return pointwise(std::move(name),
                   {.formula = std::move(formula), .attributes = std::move(attributes), .differentiable = false});
}

const Operation& plain_update() {
  static const Operation operation =
      update_operation("sgd", [](Scalar p, Scalar g, Scalar rate) { return p - rate * g; }, {});
  return operation;
}

const Operation& momentum_update() {
  const auto formula = [](Scalar p, Scalar u, Scalar g, Scalar rate, Scalar momentum) {
    const Scalar velocity = momentum * u - rate * g;
    return std::array{p + velocity, velocity};
  };
  static const Operation operation = update_operation("sgd_momentum", formula, {{"momentum", 0.9}});
  return operation;
}

const Operation& nesterov_update() {
  const auto formula = [](Scalar p, Scalar u, Scalar g, Scalar rate, Scalar momentum) {
    const Scalar velocity = momentum * u - rate * g;
    return std::array{p + (momentum * velocity - rate * g), velocity};
  };
  static const Operation operation = update_operation("sgd_nesterov", formula, {{"momentum", 0.9}});
  return operation;
}

std::vector<std::string> state_names(const SGDOptions& options) {
  return options.momentum == 0 ? std::vector<std::string>{} : std::vector<std::string>{"velocity"};
}

}  // namespace

SGD::SGD(std::vector<Parameter> parameters, SGDOptions options)
    : Optimizer(std::move(parameters), options.learning_rate, state_names(options)) {
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    throw ValueError(fmt::format("sgd: momentum is {}; expected 0 ... 1", options.momentum));
  }
  if (options.momentum == 0) {
    if (options.nesterov) throw ValueError("sgd: nesterov needs a momentum above 0; it is 0");
    operation_ = &plain_update();
    return;
  }
  operation_ = options.nesterov ? &nesterov_update() : &momentum_update();
  attributes_ = {{"momentum", options.momentum}};
}

void SGD::update(Parameter& parameter, const Tensor& gradient, const Tensor& rate, const Tensor&,
                 std::span<Tensor> state) {
  if (state.empty()) {
    parameter.assign(apply(*operation_, {parameter.value(), gradient, rate}));
    return;
  }
  const std::array inputs{parameter.value(), state[0], gradient, rate};
  std::array<Tensor, 2> results;
  apply(*operation_, inputs, attributes_, results);
  parameter.assign(results[0]);
  state[0] = std::move(results[1]);
}

}  // namespace wengert::optim

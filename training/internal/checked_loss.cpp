#include <cmath>
#include <span>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/training/internal/checked_loss.h>
#include <wengert/training/internal/loop.h>

namespace wengert::training {

LossNotFinite::LossNotFinite(double value) : Error(fmt::format("the loss is {}", value)), loss(value) {}

namespace {

void infer(std::span<const Tensor> inputs, const Attributes&, std::span<TensorType> results) {
  require_one_number("fit", inputs[0]);
  results[0] = {inputs[0].dtype(), inputs[0].shape()};
}

void check(std::span<const Tensor> inputs, const Attributes&, std::span<Tensor> results) {
  dispatch(inputs[0].dtype(), [&](auto type) {
    using T = decltype(type);
    const T value = inputs[0].item<T>();
    if (!std::isfinite(static_cast<double>(value))) throw LossNotFinite(unsigned_nan(static_cast<double>(value)));
    writable<T>(results[0])[0] = value;
  });
}

}  // namespace

Tensor checked_loss(const Tensor& loss) {
  static const Operation operation =
      primitive("checked_loss", {.differentiable = false, .guards = true, .infer = infer, .kernel = check});
  return apply(operation, {loss});
}

}  // namespace wengert::training

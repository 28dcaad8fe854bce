#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/operation.h>
#include <wengert/training/internal/checked_loss.h>

namespace wengert::training {

LossNotFinite::LossNotFinite(double value) : Error(fmt::format("the loss is {}", value)), loss(value) {}

Tensor checked_loss(const Tensor& loss) {
  static const Operation operation =
      primitive("checked_loss", {.differentiable = false,
                                 .guards = true,
                                 .infer =
                                     [](auto inputs, const Attributes&, auto results) {
                                       results[0] = {inputs[0].dtype(), inputs[0].shape()};
                                     },
                                 .kernel =
                                     [](auto inputs, const Attributes&, auto results) {
                                       dispatch(inputs[0].dtype(), [&](auto type) {
                                         using T = decltype(type);
                                         const T value = inputs[0].template item<T>();
                                         if (!std::isfinite(static_cast<double>(value)))
                                           throw LossNotFinite(static_cast<double>(value));
                                         writable<T>(results[0])[0] = value;
                                       });
                                     }});
  return apply(operation, {loss});
}

}  // namespace wengert::training

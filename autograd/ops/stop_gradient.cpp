#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// The same value, taken as a constant by every tape; any dtype. The result shares x's elements.
Tensor stop_gradient(const Tensor& x);
#endif
WENGERT_OPERATION(stop_gradient) {
  return primitive(name, {
      .differentiable = false,
      .infer = [](auto inputs, const Attributes&, auto results) { results[0] = {inputs[0].dtype(), inputs[0].shape()}; },
      .evaluate = [](auto inputs, const Attributes&) { return inputs[0]; },
      .samples = [] {
        return std::vector<Sample>{{{Tensor({-1.5, 0.0, 2.0})}}, {{Tensor(0.5)}}, {{zeros({0, 2}, DType::f64)}}};
      },
  });
}
Tensor stop_gradient(const Tensor& x) { return apply(operations::stop_gradient(), {x}); }

}  // namespace wengert

// Linked to the program of gradient checks, which is to find it.

#include <vector>

#include <wengert/autograd/operation.h>

namespace {

using wengert::Scalar;

[[maybe_unused]] const bool is_registered = [] {
  static const wengert::Operation operation =
      wengert::pointwise("wrong_cube", {.formula = [](Scalar x) { return x * x * x; },
                                        .derivative = [](Scalar x, Scalar, Scalar dy) { return dy * 2.0 * x * x; },
                                        .samples =
                                            [] {
                                              return std::vector<wengert::Sample>{{{wengert::Tensor({-0.5, 2.0})}}};
                                            }});
  wengert::register_operation(operation);
  return true;
}();

}  // namespace

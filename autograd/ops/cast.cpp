#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/kernels/pointwise_memory.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// x with its elements converted to `dtype`, from any to any; x itself where it has that dtype. To a floating dtype: rounded to
/// nearest, too large ones to ±inf. From a floating to an integer one: towards zero, what is out of range to the nearest integer
/// there is, NaN to 0. Between integers: modulo 2ⁿ. To boolean: whether it is not 0 (NaN is not). From boolean: 1 and 0. The
/// gradient is cast back; through an integer none passes.
Tensor cast(const Tensor& x, DType dtype);
#endif
WENGERT_OPERATION(cast) {
  return primitive(name, {
      .attributes = {{"dtype", DType::f32}},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {attributes.get<DType>("dtype"), inputs[0].shape()};
      },
      .kernel = [](auto inputs, const Attributes&, auto results) {
        kernels::convert_elements(detail::Access::elements(inputs[0]), inputs[0].dtype(), detail::Access::elements(results[0]),
                                  results[0].dtype(), inputs[0].size());
      },
      .vjp = [](const Vjp& vjp) {
        if (is_floating(vjp.input_dtype())) vjp.set(0, cast(vjp.dy(), vjp.input_dtype()));
      },
      .samples = [] {
        const Tensor x = linspace(-2.75, 3e4, 40, DType::f64);
        return std::vector<Sample>{
            {{x}, {{"dtype", DType::f64}}},
            {{Tensor(0.75)}, {{"dtype", DType::f64}}},
            {{zeros({0, 2}, DType::f64)}, {{"dtype", DType::f64}}},
            {{Tensor(0.1)}, {{"dtype", DType::f32}}, "differences of numbers rounded to f32 say nothing"},
            {{Tensor({-7.5, 1e20})}, {{"dtype", DType::i32}}, "integers are not differentiated"},
            {{Tensor({7})}, {{"dtype", DType::f64}}, "integers are not differentiated"},
        };
      },
  });
}
Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return apply(operations::cast(), {x}, {{"dtype", dtype}});
}

}  // namespace wengert

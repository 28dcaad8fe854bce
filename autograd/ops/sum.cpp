#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/operations.h>

namespace wengert {

#ifdef WENGERT_DECLARATIONS
/// The sum over some axes (all of them when `axes` is empty), of any number dtype. With `keepdims` the axes stay with extent
/// 1. Summed in blocks, so that the error grows with the logarithm of the count; of nothing it is 0. Integers wrap.
Tensor sum(const Tensor& x, const Ints& axes = {}, bool keepdims = false);
#endif
WENGERT_OPERATION(sum) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"axes", Ints{}}, {"keepdims", false}},
      .reduces = {{kernels::Reduction::sum, detail::given_axes}},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {detail::number_dtype("sum", inputs[0].dtype()), detail::reduced_shape("sum", inputs[0].shape(), attributes)};
      },
      .vjp = [](const Vjp& vjp) {
        vjp.set(0, broadcast_to(detail::with_reduced_axes(vjp.dy(), vjp), vjp.input_shape()));
      },
      .samples = detail::reduction_samples,
  });
}
Tensor sum(const Tensor& x, const Ints& axes, bool keepdims) {
  return apply(operations::sum(), {x}, {{"axes", axes}, {"keepdims", keepdims}});
}

#ifdef WENGERT_DECLARATIONS
/// The sum over the axes along which `shape` was stretched to x's shape, which undoes `broadcast_to`; where none was, x reshaped.
Tensor sum_to(const Tensor& x, const Shape& shape);
#endif
WENGERT_OPERATION(sum_to) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"shape", Ints{}}},
      .reduces = {{kernels::Reduction::sum, [](const Shape& input, const Attributes& attributes) {
        return detail::stretched_axes(Shape(attributes.ints("shape")), input);
      }}},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        const Shape target(attributes.ints("shape"));
        if (broadcast_shapes("sum_to", target, inputs[0].shape()) != inputs[0].shape()) {
          throw ShapeError(fmt::format("sum_to: shape {} does not stretch to {}", to_string(target), to_string(inputs[0].shape())));
        }
        results[0] = {detail::number_dtype("sum_to", inputs[0].dtype()), target};
      },
      .vjp = [](const Vjp& vjp) { vjp.set(0, broadcast_to(vjp.dy(), vjp.input_shape())); },
      .samples = [] {
        const Tensor& matrix = detail::sample_matrix();
        return std::vector<Sample>{
            {{matrix}, {{"shape", Ints{3}}}},
            {{matrix}, {{"shape", Ints{2, 1}}}},
            {{matrix}, {{"shape", Ints{}}}},
            {{matrix}, {{"shape", Ints{2, 3}}}},
            {{zeros({0, 3}, DType::f64)}, {{"shape", Ints{1, 3}}}},
        };
      },
  });
}
Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  // Axes of one element were not stretched at all.
  if (x.size() == shape.elements() && broadcast_shapes("sum_to", shape, x.shape()) == x.shape()) return reshape(x, Ints(shape));
  return apply(operations::sum_to(), {x}, {{"shape", Ints(shape)}});
}

#ifdef WENGERT_DECLARATIONS
/// x stretched to `shape` as NumPy broadcasts; any dtype. Throws ShapeError where it does not fit.
Tensor broadcast_to(const Tensor& x, const Shape& shape);
#endif
WENGERT_OPERATION(broadcast_to) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"shape", Ints{}}},
      .stretches = true,
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        const Shape target(attributes.ints("shape"));
        if (broadcast_shapes("broadcast_to", inputs[0].shape(), target) != target) {
          throw ShapeError(fmt::format("broadcast_to: {} cannot be stretched to {}; extents must be equal or 1, from the last on",
                                       to_string(inputs[0].shape()), to_string(target)));
        }
        results[0] = {inputs[0].dtype(), target};
      },
      .kernel = [](auto inputs, const Attributes&, auto results) { detail::stretch(inputs[0], results[0]); },
      .vjp = [](const Vjp& vjp) { vjp.set(0, sum_to(vjp.dy(), vjp.input_shape())); },
      .samples = [] {
        return std::vector<Sample>{
            {{Tensor({0.5, -1.0, 2.0})}, {{"shape", Ints{2, 3}}}},
            {{Tensor({{0.5}, {1.5}})}, {{"shape", Ints{2, 4}}}},
            {{Tensor(0.5)}, {{"shape", Ints{2, 2}}}},
            {{Tensor({{0.5, 1.5}})}, {{"shape", Ints{0, 2}}}},
            {{zeros({1, 0}, DType::f64)}, {{"shape", Ints{3, 0}}}},
        };
      },
  });
}
Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  return apply(operations::broadcast_to(), {x}, {{"shape", Ints(shape)}});
}

}  // namespace wengert

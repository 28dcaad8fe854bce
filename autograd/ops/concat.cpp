#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

void infer_concat(std::span<const Tensor> inputs, const Attributes& attributes, TensorType& result) {
  const Shape& first = inputs[0].shape();
  const std::size_t axis = detail::axis_of("concat", first, attributes);
  Ints extents(first);
  for (const Tensor& input : inputs.subspan(1)) {
    Ints expected(first);
    if (input.rank() == first.rank()) expected[axis] = input.shape()[axis];
    if (input.shape() != Shape(expected)) {
      throw ShapeError(fmt::format("concat: {} and {} along axis {}; expected equal extents along all other axes", to_string(first),
                                   to_string(input.shape()), axis));
    }
    detail::require_one_dtype("concat", inputs[0].dtype(), input.dtype());
    if (__builtin_add_overflow(extents[axis], input.shape()[axis], &extents[axis]))
      throw ShapeError(fmt::format("concat: the extents along axis {} add up to more than can be counted", axis));
  }
  result = {inputs[0].dtype(), Shape(extents)};
}

void concatenate(std::span<const Tensor> inputs, const Attributes& attributes, Tensor& result) {
  const std::size_t axis = detail::axis_of("concat", result.shape(), attributes);
  const Ints strides = row_major_strides(result.shape());
  std::int64_t offset = 0;
  for (const Tensor& input : inputs) {
    detail::StridedCopy{input.shape(), row_major_strides(input.shape()), strides, 0, offset}(input, result);
    offset += input.shape()[axis] * strides[axis];
  }
}

void concat_vjp(const Vjp& vjp) {
  const std::size_t axis = detail::axis_of("concat", vjp.output_shape(), vjp.attributes());
  const Tensor& dy = vjp.dy();
  Ints starts, stops(vjp.output_shape());
  for (std::size_t i = 0; i < stops.size(); ++i) starts.push_back(0);
  for (std::size_t i = 0; i < vjp.inputs(); ++i) {
    stops[axis] = starts[axis] + vjp.input_shape(i)[axis];
    if (vjp.needs(i)) vjp.set(i, slice(dy, starts, stops));
    starts[axis] = stops[axis];
  }
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// Tensors one behind the other along an axis; any number of them, of one dtype, any, and of equal extents along all other axes.
/// Throws ShapeError or DTypeError where they do not fit, ValueError for none.
Tensor concat(const std::vector<Tensor>& xs, std::int64_t axis = 0);
#endif
WENGERT_OPERATION(concat) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"axis", std::int64_t{0}}},
      .inputs = 0,
      .joins = true,
      .infer = [](auto inputs, const Attributes& attributes, auto results) { infer_concat(inputs, attributes, results[0]); },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) { concatenate(inputs, attributes, results[0]); },
      .vjp = concat_vjp,
      .samples = [] {
        const Tensor a({{0.5, -1.25}, {-0.75, 1.5}}), b({{2.0, 0.3}});
        return std::vector<Sample>{
            {{a, b}},
            {{a, a, a}, {{"axis", std::int64_t{-1}}}},
            {{a}},
            {{zeros({0, 2}, DType::f64), a, b}},
        };
      },
  });
}
Tensor concat(const std::vector<Tensor>& xs, std::int64_t axis) { return apply(operations::concat(), xs, {{"axis", axis}}); }

#ifdef WENGERT_DECLARATIONS
/// Tensors of one shape and dtype, any, side by side along a new axis, at the place `axis` of the result. Throws ShapeError or
/// DTypeError where they differ, ValueError for none.
Tensor stack(const std::vector<Tensor>& xs, std::int64_t axis = 0);
#endif
WENGERT_OPERATION(stack) {
  return composed(name, {
      .category = Category::shape,
      .attributes = {{"axis", std::int64_t{0}}},
      .inputs = 0,
      .compose = [](auto inputs, const Attributes& attributes) {
        return stack(std::vector<Tensor>(inputs.begin(), inputs.end()), attributes.integer("axis"));
      },
      .samples = [] {
        const Tensor a({0.5, -1.25, 2.0}), b({-0.75, 1.5, -3.0});
        return std::vector<Sample>{
            {{a, b}},
            {{a, b, a}, {{"axis", std::int64_t{-1}}}},
            {{Tensor({{0.5}}), Tensor({{1.5}})}, {{"axis", std::int64_t{1}}}},
            {{Tensor(0.5), Tensor(1.5)}},
            {{zeros({0, 2}, DType::f64)}},
        };
      },
  });
}
Tensor stack(const std::vector<Tensor>& xs, std::int64_t axis) {
  if (xs.empty()) throw ValueError("stack: no tensors given; expected one or more");
  if (xs[0].rank() == max_rank) {
    throw ShapeError(fmt::format("stack: {}; expected room for a new axis, for a tensor has at most {}", to_string(xs[0].shape()), max_rank));
  }
  const auto place = static_cast<std::int64_t>(normalize_axis("stack", axis, xs[0].rank() + 1));
  std::vector<Tensor> expanded;
  for (const Tensor& x : xs) {
    if (x.shape() != xs[0].shape()) {
      throw ShapeError(fmt::format("stack: {} and {}; expected one shape", to_string(xs[0].shape()), to_string(x.shape())));
    }
    detail::require_one_dtype("stack", xs[0].dtype(), x.dtype());
    expanded.push_back(unsqueeze(x, {place}));
  }
  return concat(expanded, place);
}

}  // namespace wengert

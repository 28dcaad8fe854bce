#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/kernels/scan.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

using kernels::Reduction;

void infer_extremum(const char* name, const Tensor& x, const Attributes& attributes, TensorType& result) {
  result = {detail::number_dtype(name, x.dtype()), detail::reduced_shape(name, x.shape(), attributes)};
  if (x.size() == 0 && result.shape.elements() != 0) {
    throw ValueError(fmt::format("{}: {} has no elements along the reduced axes; expected one or more", name, to_string(x.shape())));
  }
}

/// The adjoint goes to the entries that are the extremum, in equal shares where several are.
void share_among_extrema(const Vjp& vjp) {
  const Tensor y = detail::with_reduced_axes(vjp.output(), vjp);
  const Tensor is_extremum = where(vjp.input() == y, ones({}, vjp.input_dtype()), 0);
  const Tensor count = maximum(sum(is_extremum, vjp.attributes().ints("axes"), true), 1.0);
  vjp.set(0, is_extremum * (detail::with_reduced_axes(vjp.dy(), vjp) / count));
}

Operation extremum(const char* name, Reduction reduction) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"axes", Ints{}}, {"keepdims", false}},
      .reads = {.inputs = Reads::all, .outputs = Reads::all},
      .reduces = {{reduction, detail::given_axes}},
      .infer = [name](auto inputs, const Attributes& attributes, auto results) {
        infer_extremum(name, inputs[0], attributes, results[0]);
      },
      .vjp = share_among_extrema,
      .samples = [] {
        std::vector<Sample> samples = detail::reduction_samples();
        samples.push_back({{Tensor({3.0, 3.0})}, {{"axes", Ints{0}}}, "entries that tie have no derivative"});
        return samples;
      },
  });
}

Operation extremum_place(const char* name, bool largest) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"axis", std::int64_t{-1}}, {"keepdims", false}},
      .differentiable = false,
      .infer = [name](auto inputs, const Attributes& attributes, auto results) {
        const Tensor& x = inputs[0];
        const std::size_t axis = detail::axis_of(name, x.shape(), attributes);
        if (x.shape()[axis] == 0) {
          throw ValueError(fmt::format("{}: {} has no elements along axis {}; expected one or more", name, to_string(x.shape()), axis));
        }
        const Attributes reduced{{"axes", Ints{attributes.integer("axis")}}, {"keepdims", attributes.flag("keepdims")}};
        results[0] = {DType::i64, detail::reduced_shape(name, x.shape(), reduced)};
      },
      .kernel = [name, largest](auto inputs, const Attributes& attributes, auto results) {
        const Tensor& x = inputs[0];
        const detail::AxisRun run(x.shape(), detail::axis_of(name, x.shape(), attributes));
        kernels::arg_reduce(largest, x.dtype(), detail::Access::elements(x), writable<std::int64_t>(results[0]).data(), run.outer, run.n,
                            run.inner);
      },
      .samples = [] {
        const Tensor matrix({{0.5, -1.25, 2.0}, {-0.75, 1.5, 1.5}});
        return std::vector<Sample>{
            {{matrix}},
            {{matrix}, {{"axis", std::int64_t{0}}, {"keepdims", true}}},
            {{Tensor({1.5})}},
            {{zeros({0, 3}, DType::f64)}},
        };
      },
  });
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The largest entry over some axes (all of them when `axes` is empty), of any number dtype; NaN where any is NaN. Entries that tie
/// share the adjoint equally, as of a subgradient; where the result is NaN none gets any. Throws ValueError where there is none. Of two
/// operands, entry by entry: `maximum`.
Tensor max(const Tensor& x, const Ints& axes = {}, bool keepdims = false);
#endif
WENGERT_OPERATION(max) { return extremum(name, Reduction::max); }
Tensor max(const Tensor& x, const Ints& axes, bool keepdims) {
  return apply(operations::max(), {x}, {{"axes", axes}, {"keepdims", keepdims}});
}

#ifdef WENGERT_DECLARATIONS
/// The smallest entry over some axes (all of them when `axes` is empty), of any number dtype; NaN where any is NaN. Entries that tie
/// share the adjoint equally, as of a subgradient; where the result is NaN none gets any. Throws ValueError where there is none. Of two
/// operands, entry by entry: `minimum`.
Tensor min(const Tensor& x, const Ints& axes = {}, bool keepdims = false);
#endif
WENGERT_OPERATION(min) { return extremum(name, Reduction::min); }
Tensor min(const Tensor& x, const Ints& axes, bool keepdims) {
  return apply(operations::min(), {x}, {{"axes", axes}, {"keepdims", keepdims}});
}

#ifdef WENGERT_DECLARATIONS
/// Where the largest entry along an axis stands, i64; of equals the first, and the first NaN where there is one. Any dtype. Throws
/// ValueError where there is none.
Tensor argmax(const Tensor& x, std::int64_t axis = -1, bool keepdims = false);
#endif
WENGERT_OPERATION(argmax) { return extremum_place(name, true); }
Tensor argmax(const Tensor& x, std::int64_t axis, bool keepdims) {
  return apply(operations::argmax(), {x}, {{"axis", axis}, {"keepdims", keepdims}});
}

#ifdef WENGERT_DECLARATIONS
/// Where the smallest entry along an axis stands, i64; of equals the first, and the first NaN where there is one. Any dtype. Throws
/// ValueError where there is none.
Tensor argmin(const Tensor& x, std::int64_t axis = -1, bool keepdims = false);
#endif
WENGERT_OPERATION(argmin) { return extremum_place(name, false); }
Tensor argmin(const Tensor& x, std::int64_t axis, bool keepdims) {
  return apply(operations::argmin(), {x}, {{"axis", axis}, {"keepdims", keepdims}});
}

}  // namespace wengert

#include <algorithm>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/kernels/scan.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

/// How many elements make one of the result.
double reduced_count(const char* name, const Tensor& x, const Ints& axes) {
  double count = 1;
  for (const std::int64_t axis : normalize_axes(name, axes, x.rank())) {
    count *= static_cast<double>(x.shape()[static_cast<std::size_t>(axis)]);
  }
  return count;
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The mean over some axes (all of them when `axes` is empty), floating: `sum` / count. Of nothing it is NaN.
Tensor mean(const Tensor& x, const Ints& axes = {}, bool keepdims = false);
#endif
WENGERT_OPERATION(mean) {
  return composed(name, {
      .category = Category::reduction,
      .attributes = {{"axes", Ints{}}, {"keepdims", false}},
      .compose = [](auto inputs, const Attributes& attributes) {
        return mean(inputs[0], attributes.ints("axes"), attributes.flag("keepdims"));
      },
      .samples = detail::reduction_samples,
  });
}
Tensor mean(const Tensor& x, const Ints& axes, bool keepdims) {
  static_cast<void>(detail::floating_dtype("mean", x.dtype()));
  return sum(x, axes, keepdims) / reduced_count("mean", x, axes);
}

#ifdef WENGERT_DECLARATIONS
/// The variance over some axes (all of them when `axes` is empty), floating: Σ (x − mean)² / (count − correction), in two passes,
/// so that a large mean costs no digits. `correction` 1 is Bessel's. Of nothing it is NaN, as of no more than `correction` equal entries;
/// of fewer entries than `correction`, inf otherwise.
Tensor variance(const Tensor& x, const Ints& axes = {}, bool keepdims = false, double correction = 0);
#endif
WENGERT_OPERATION(variance) {
  return composed(name, {
      .category = Category::reduction,
      .attributes = {{"axes", Ints{}}, {"keepdims", false}, {"correction", 0.0}},
      .compose = [](auto inputs, const Attributes& attributes) {
        return variance(inputs[0], attributes.ints("axes"), attributes.flag("keepdims"), attributes.number("correction"));
      },
      .samples = detail::reduction_samples,
  });
}
Tensor variance(const Tensor& x, const Ints& axes, bool keepdims, double correction) {
  const Tensor deviation = x - mean(x, axes, true);
  const double count = std::max(reduced_count("variance", x, axes) - correction, 0.0);
  return sum(square(deviation), axes, keepdims) / count;
}

#ifdef WENGERT_DECLARATIONS
/// The running sum along an axis, of any number dtype: yᵢ = x₀ + … + xᵢ, or xᵢ + … + xₙ where `reverse`. f32 is added up in f64.
Tensor cumsum(const Tensor& x, std::int64_t axis = -1, bool reverse = false);
#endif
WENGERT_OPERATION(cumsum) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"axis", std::int64_t{-1}}, {"reverse", false}},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        static_cast<void>(detail::axis_of("cumsum", inputs[0].shape(), attributes));
        results[0] = {detail::number_dtype("cumsum", inputs[0].dtype()), inputs[0].shape()};
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        const detail::AxisRun run(inputs[0].shape(), detail::axis_of("cumsum", inputs[0].shape(), attributes));
        kernels::cumulative_sum(inputs[0].dtype(), detail::Access::elements(inputs[0]), detail::Access::elements(results[0]), run.outer,
                                run.n, run.inner, attributes.flag("reverse"));
      },
      .vjp = [](const Vjp& vjp) {
        vjp.set(0, cumsum(vjp.dy(), vjp.attributes().integer("axis"), !vjp.attributes().flag("reverse")));
      },
      .samples = [] {
        const Tensor& matrix = detail::sample_matrix();
        return std::vector<Sample>{
            {{matrix}},
            {{matrix}, {{"axis", std::int64_t{0}}, {"reverse", true}}},
            {{Tensor({1.5})}},
            {{zeros({2, 0}, DType::f64)}},
        };
      },
  });
}
Tensor cumsum(const Tensor& x, std::int64_t axis, bool reverse) {
  return apply(operations::cumsum(), {x}, {{"axis", axis}, {"reverse", reverse}});
}

}  // namespace wengert

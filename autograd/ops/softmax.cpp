#include <cmath>
#include <limits>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/kernels/softmax.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

using detail::Access;
using detail::AxisRun;

void infer_along_axis(const char* name, const Tensor& x, const Attributes& attributes, TensorType& result) {
  static_cast<void>(detail::axis_of(name, x.shape(), attributes));
  result = {detail::floating_dtype(name, x.dtype()), x.shape()};
}

std::vector<Sample> row_samples() {
  const Tensor& matrix = detail::sample_matrix();
  return {
      {{matrix}},
      {{matrix}, {{"axis", std::int64_t{0}}}},
      {{Tensor({800.0, -800.0, 799.0})}},
      {{Tensor({{1.5}, {-2.0}})}},
      {{zeros({0, 3}, DType::f64)}},
  };
}

Ints axis_of(const Attributes& attributes) { return {attributes.integer("axis")}; }

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// e^xᵢ / Σⱼ e^xⱼ along an axis, floating: probabilities, whose logits are x. Computed from differences to the largest entry, so
/// that nothing overflows. −inf gets probability 0. Where an entry is inf or NaN, or all are −inf, the row is NaN.
Tensor softmax(const Tensor& x, std::int64_t axis = -1);
#endif
WENGERT_OPERATION(softmax) {
  return primitive(name, {
      .category = Category::activation,
      .attributes = {{"axis", std::int64_t{-1}}},
      .reads = {.outputs = Reads::all},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        infer_along_axis("softmax", inputs[0], attributes, results[0]);
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        const std::size_t axis = detail::axis_of("softmax", inputs[0].shape(), attributes);
        const AxisRun run(inputs[0].shape(), axis);
        kernels::softmax(inputs[0].dtype(), Access::elements(inputs[0]), Access::elements(results[0]), run.outer, run.n, run.inner);
        if (axis + 1 == inputs[0].rank()) detail::carry_logits(results[0], inputs[0], LogitsOf::softmax);
      },
      .vjp = [](const Vjp& vjp) {
        const Tensor& y = vjp.output();
        const Tensor weighted = y * vjp.dy();
        vjp.set(0, weighted - y * sum(weighted, axis_of(vjp.attributes()), true));
      },
      .samples = row_samples,
  });
}
Tensor softmax(const Tensor& x, std::int64_t axis) { return apply(operations::softmax(), {x}, {{"axis", axis}}); }

#ifdef WENGERT_DECLARATIONS
/// ln softmax(x) = xᵢ − ln Σⱼ e^xⱼ along an axis, floating, without overflow and without loss of digits, whether the probability is
/// tiny or close to 1. −inf stays −inf. Where an entry is inf or NaN, or all are −inf, the row is NaN.
Tensor log_softmax(const Tensor& x, std::int64_t axis = -1);
#endif
WENGERT_OPERATION(log_softmax) {
  return primitive(name, {
      .category = Category::activation,
      .attributes = {{"axis", std::int64_t{-1}}},
      .reads = {.outputs = Reads::all},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        infer_along_axis("log_softmax", inputs[0], attributes, results[0]);
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        const AxisRun run(inputs[0].shape(), detail::axis_of("log_softmax", inputs[0].shape(), attributes));
        kernels::log_softmax(inputs[0].dtype(), Access::elements(inputs[0]), Access::elements(results[0]), run.outer, run.n, run.inner);
      },
      .vjp = [](const Vjp& vjp) {
        const Tensor& dy = vjp.dy();
        vjp.set(0, dy - exp(vjp.output()) * sum(dy, axis_of(vjp.attributes()), true));
      },
      .samples = row_samples,
  });
}
Tensor log_softmax(const Tensor& x, std::int64_t axis) { return apply(operations::log_softmax(), {x}, {{"axis", axis}}); }

namespace {

void log_sum_exp(const Tensor& x, const Ints& axes, Tensor& result) {
  const auto [gathered, run] = detail::gather_axes(x, axes);
  Tensor rest = empty(result.shape(), result.dtype());
  kernels::log_sum_exp(x.dtype(), Access::elements(gathered), Access::elements(result), Access::elements(rest), run.outer, run.n,
                       run.inner);
  dispatch_floating(x.dtype(), [&]<typename T>(T) {
    const T* added = static_cast<const T*>(Access::elements(rest));
    // Where the largest is infinite or NaN, so is the result.
    for (T& y : writable<T>(result)) {
      if (std::isfinite(y)) y += *added;
      ++added;
    }
  });
}

/// softmax over several axes; 0 where all entries are −inf.
Tensor probabilities(const Tensor& x, const Ints& axes) {
  if (x.size() == 0) return x;
  const Tensor largest = stop_gradient(max(x, axes, true));
  const Tensor e = exp(x - where(largest == -std::numeric_limits<double>::infinity(), 0.0, largest));
  const Tensor total = sum(e, axes, true);
  return e / where(total == 0.0, 1.0, total);
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// ln Σ e^x over some axes (all of them when `axes` is empty), floating, without overflow. Of nothing, or of −inf alone, it is
/// −inf; of anything with inf, inf. The gradient is softmax(x); 0 where the result is −inf.
Tensor logsumexp(const Tensor& x, const Ints& axes = {}, bool keepdims = false);
#endif
WENGERT_OPERATION(logsumexp) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"axes", Ints{}}, {"keepdims", false}},
      .reads = {.inputs = Reads::all},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {detail::floating_dtype("logsumexp", inputs[0].dtype()),
                      detail::reduced_shape("logsumexp", inputs[0].shape(), attributes)};
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        log_sum_exp(inputs[0], attributes.ints("axes"), results[0]);
      },
      .vjp = [](const Vjp& vjp) {
        vjp.set(0, detail::with_reduced_axes(vjp.dy(), vjp) * probabilities(vjp.input(), vjp.attributes().ints("axes")));
      },
      .samples = [] {
        std::vector<Sample> samples = detail::reduction_samples();
        samples.push_back({{Tensor({800.0, -800.0, 799.0})}});
        samples.push_back({{zeros({2, 0}, DType::f64)}, {{"axes", Ints{1}}}});
        return samples;
      },
  });
}
Tensor logsumexp(const Tensor& x, const Ints& axes, bool keepdims) {
  return apply(operations::logsumexp(), {x}, {{"axes", axes}, {"keepdims", keepdims}});
}

}  // namespace wengert

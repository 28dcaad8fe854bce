#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

/// x less its largest entry along an axis, so that no exponential overflows. Where that is infinite nothing is taken off:
/// −inf stays −inf, and inf − inf does not arise.
Tensor shifted(const Tensor& x, const Ints& axes) {
  const Tensor largest = max(x, axes, true);
  return x - where(isfinite(largest), largest, 0.0);
}

void infer_floating(const char* name, const Tensor& x, TensorType& result) {
  result = {detail::floating_dtype(name, x.dtype()), x.shape()};
  if (x.rank() == 0) throw ShapeError(fmt::format("{}: the input is a scalar; expected an axis to go along", name));
}

std::vector<Sample> row_samples() {
  const Tensor matrix({{0.5, -1.25, 2.0}, {-0.75, 1.5, -3.0}});
  return {
      {{matrix}},
      {{matrix}, {{"axis", std::int64_t{0}}}},
      {{Tensor({700.0, -700.0, 699.0})}},
      {{Tensor({{1.5}, {-2.0}})}},
      {{zeros({0, 3}, DType::f64)}},
  };
}

Ints axis_of(const Attributes& attributes) { return {attributes.integer("axis")}; }

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// e^xᵢ / Σⱼ e^xⱼ along an axis, floating: probabilities, whose logits are x. Computed from differences to the largest entry, so
/// that nothing overflows. −inf gets probability 0 (of −inf alone: NaN), inf and NaN make NaN.
Tensor softmax(const Tensor& x, std::int64_t axis = -1);
#endif
WENGERT_OPERATION(softmax) {
  return primitive(name, {
      .category = Category::activation,
      .attributes = {{"axis", std::int64_t{-1}}},
      .reads = {.outputs = Reads::all},
      .infer = [](auto inputs, const Attributes&, auto results) { infer_floating("softmax", inputs[0], results[0]); },
      .evaluate = [](auto inputs, const Attributes& attributes) {
        const Ints axes = axis_of(attributes);
        const Tensor e = exp(shifted(inputs[0], axes));
        Tensor result = e / sum(e, axes, true);
        const auto last = static_cast<std::int64_t>(inputs[0].rank()) - 1;
        if (axes[0] == -1 || axes[0] == last) detail::carry_logits(result, inputs[0]);
        return result;
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
/// ln softmax(x) = xᵢ − ln Σⱼ e^xⱼ along an axis, floating, without overflow and without loss of digits where the probability is
/// tiny. −inf stays −inf (of −inf alone: NaN); inf and NaN make NaN.
Tensor log_softmax(const Tensor& x, std::int64_t axis = -1);
#endif
WENGERT_OPERATION(log_softmax) {
  return primitive(name, {
      .category = Category::activation,
      .attributes = {{"axis", std::int64_t{-1}}},
      .reads = {.outputs = Reads::all},
      .infer = [](auto inputs, const Attributes&, auto results) { infer_floating("log_softmax", inputs[0], results[0]); },
      .evaluate = [](auto inputs, const Attributes& attributes) {
        const Tensor x = shifted(inputs[0], axis_of(attributes));
        return x - log(sum(exp(x), axis_of(attributes), true));
      },
      .vjp = [](const Vjp& vjp) {
        const Tensor dy = vjp.dy();
        vjp.set(0, dy - exp(vjp.output()) * sum(dy, axis_of(vjp.attributes()), true));
      },
      .samples = row_samples,
  });
}
Tensor log_softmax(const Tensor& x, std::int64_t axis) { return apply(operations::log_softmax(), {x}, {{"axis", axis}}); }

#ifdef WENGERT_DECLARATIONS
/// ln Σ e^x over some axes (all of them when `axes` is empty), floating, without overflow. Of nothing, or of −inf alone, it is
/// −inf; inf gives inf.
Tensor logsumexp(const Tensor& x, const Ints& axes = {}, bool keepdims = false);
#endif
WENGERT_OPERATION(logsumexp) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"axes", Ints{}}, {"keepdims", false}},
      .reads = {.inputs = Reads::all, .outputs = Reads::all},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {detail::floating_dtype("logsumexp", inputs[0].dtype()),
                      detail::reduced_shape("logsumexp", inputs[0].shape(), attributes)};
      },
      .evaluate = [](auto inputs, const Attributes& attributes) {
        const Tensor& x = inputs[0];
        const Ints& axes = attributes.ints("axes");
        const bool keepdims = attributes.flag("keepdims");
        if (x.size() == 0) return log(sum(x, axes, keepdims));
        const Tensor largest = max(x, axes, true);
        const Tensor shift = where(isfinite(largest), largest, 0.0);
        const Tensor total = log(sum(exp(x - shift), axes, true)) + shift;
        return reshape(total, Ints(detail::reduced_shape("logsumexp", x.shape(), attributes)));
      },
      .vjp = [](const Vjp& vjp) {
        const Tensor y = detail::with_reduced_axes(vjp.output(), vjp);
        const Tensor finite = where(isfinite(y), y, 0.0);
        vjp.set(0, detail::with_reduced_axes(vjp.dy(), vjp) * exp(vjp.input() - finite));
      },
      .samples = detail::reduction_samples,
  });
}
Tensor logsumexp(const Tensor& x, const Ints& axes, bool keepdims) {
  return apply(operations::logsumexp(), {x}, {{"axes", axes}, {"keepdims", keepdims}});
}

namespace {

bool are_labels(const Tensor& targets) { return !is_floating(targets.dtype()); }

void infer_cross_entropy(std::span<const Tensor> inputs, TensorType& result) {
  const Tensor &logits = inputs[0], &targets = inputs[1];
  const DType dtype = detail::floating_dtype("softmax_cross_entropy", logits.dtype());
  const bool fits = logits.rank() == 2 && (are_labels(targets) ? targets.shape() == Shape{logits.shape()[0]}
                                                               : targets.shape() == logits.shape());
  if (!fits) {
    throw ShapeError(fmt::format("softmax_cross_entropy: logits {} and {} {}; expected [rows, classes] with integer labels [rows] or "
                                 "probabilities [rows, classes]",
                                 to_string(logits.shape()), are_labels(targets) ? "labels" : "probabilities", to_string(targets.shape())));
  }
  if (targets.dtype() == DType::boolean || (!are_labels(targets) && targets.dtype() != dtype)) {
    throw DTypeError(fmt::format("softmax_cross_entropy: logits are {} and targets {}; expected integer labels, or probabilities of the "
                                 "logits' dtype",
                                 name_of(dtype), name_of(targets.dtype())));
  }
  result = {dtype, Shape{logits.shape()[0]}};
}

/// Labels [rows] as indices [rows, 1] for `gather`, which would count negative ones from the end.
const Operation& class_indices() {
  static const Operation operation = primitive("class_indices", {
      .attributes = {{"classes", std::int64_t{0}}},
      .differentiable = false,
      .infer = [](auto inputs, const Attributes&, auto results) { results[0] = {DType::i64, Shape{inputs[0].shape()[0], 1}}; },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        const std::int64_t classes = attributes.integer("classes");
        const std::span<std::int64_t> indices = writable<std::int64_t>(results[0]);
        dispatch(inputs[0].dtype(), [&](auto type) {
          const auto labels = inputs[0].template data<decltype(type)>();
          for (std::size_t row = 0; row < labels.size(); ++row) {
            indices[row] = static_cast<std::int64_t>(labels[row]);
            if (indices[row] >= 0 && indices[row] < classes) continue;
            throw ValueError(fmt::format("softmax_cross_entropy: label {} in row {}; expected 0 … {}, for there are {} classes",
                                         indices[row], row, classes - 1, classes));
          }
        });
      },
  });
  return operation;
}

/// Σ t · x over each row; where t is 0, x may be anything.
Tensor weighted_sum(const Tensor& t, const Tensor& x) { return sum(where(t == 0.0, 0.0, t * x), {-1}); }

Tensor cross_entropy(const Tensor& logits, const Tensor& targets) {
  const std::int64_t rows = logits.shape()[0];
  const Tensor x = shifted(logits, {-1});
  const Tensor total = log(sum(exp(x), {-1}));
  if (are_labels(targets)) {
    const Tensor indices = apply(class_indices(), {targets}, {{"classes", logits.shape()[1]}});
    return total - reshape(gather(x, indices, 1), {rows});
  }
  return total * sum(targets, {-1}) - weighted_sum(targets, x);
}

/// With p = softmax(x): (p − t) dy for labels as rows t that are 1 at the label; (p Σt − t) dy in general.
void cross_entropy_vjp(const Vjp& vjp) {
  const Tensor &logits = vjp.input(0), &targets = vjp.input(1);
  const Tensor dy = reshape(vjp.dy(), {logits.shape()[0], 1});
  if (are_labels(targets)) {
    vjp.set(0, (softmax(logits) - one_hot(targets, logits.shape()[1], logits.dtype())) * dy);
    return;
  }
  if (vjp.needs(0)) vjp.set(0, (softmax(logits) * sum(targets, {-1}, true) - targets) * dy);
  if (vjp.needs(1)) vjp.set(1, -log_softmax(logits) * dy);
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The cross-entropy −Σ t ln softmax(x) of each row of logits x [rows, classes], floating, as [rows]: with integer labels [rows] of
/// any width, −ln softmax(x)[label]; or with rows t [rows, classes] of probabilities, which need not sum to 1 and may be
/// differentiated too. Nothing overflows, and no digits are lost where a probability is near 0 or 1. Throws ValueError for a label
/// out of 0 … classes−1.
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& targets);
#endif
WENGERT_OPERATION(softmax_cross_entropy) {
  return primitive(name, {
      .category = Category::loss,
      .reads = {.inputs = Reads::all},
      .infer = [](auto inputs, const Attributes&, auto results) { infer_cross_entropy(inputs, results[0]); },
      .evaluate = [](auto inputs, const Attributes&) { return cross_entropy(inputs[0], inputs[1]); },
      .vjp = cross_entropy_vjp,
      .samples = [] {
        const Tensor logits({{0.5, -1.25, 2.0}, {-0.75, 1.5, -3.0}});
        return std::vector<Sample>{
            {{logits, Tensor({2, 0})}},
            {{logits, Tensor({{0.2, 0.5, 0.3}, {0.0, 1.0, 0.0}})}},
            {{Tensor({{30.0, -40.0}}), Tensor({1})}},
            {{logits, Tensor({{0.4, 0.9, 0.1}, {0.7, 0.2, 1.3}})}},
            {{zeros({0, 3}, DType::f64), zeros({0}, DType::i64)}},
        };
      },
  });
}
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& targets) {
  return apply(operations::softmax_cross_entropy(), {logits, targets});
}

}  // namespace wengert

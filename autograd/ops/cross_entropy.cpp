#include <algorithm>

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/kernels/softmax.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

using detail::Access;

constexpr double multiply_adds_of_term = 8;  // threads.h

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

/// ln Σ e^x of each row of logits x, in the two terms that kernels::log_sum_exp gives: −ln softmax(x)ⱼ = rest + (largest − xⱼ),
/// both of them ≥ 0.
template <typename T>
struct Rows {
  std::int64_t count, classes;
  const T* x;
  kernels::PoolArray<T> largest, rest;

  explicit Rows(const Tensor& logits)
      : count(logits.shape()[0]), classes(logits.shape()[1]), x(static_cast<const T*>(Access::elements(logits))),
        largest(static_cast<std::size_t>(count)), rest(static_cast<std::size_t>(count)) {
    kernels::log_sum_exp(logits.dtype(), x, largest.at(0), rest.at(0), count, classes, 1);
  }

  T surprisal(std::int64_t row, std::int64_t j) const {
    const auto r = static_cast<std::size_t>(row);
    return *rest.at(r) + (*largest.at(r) - x[row * classes + j]);
  }
};

template <typename T, typename Label>
void cross_entropy_of_labels(const Rows<T>& rows, const Label* labels, T* losses) {
  for (std::int64_t row = 0; row < rows.count; ++row) {
    const auto label = static_cast<std::int64_t>(labels[row]);
    if (label < 0 || label >= rows.classes) {
      throw ValueError(fmt::format("softmax_cross_entropy: label {} in row {}; expected 0 … {}, for there are {} classes", label, row,
                                   rows.classes - 1, rows.classes));
    }
    losses[row] = rows.surprisal(row, label);
  }
}

/// Σ t · surprisal; where t is 0, x may be anything finite or −inf. As many rows at a time as the first-level cache holds.
template <typename T>
void cross_entropy_of_rows(const Rows<T>& rows, const T* t, T* losses) {
  const std::int64_t step = std::max<std::int64_t>(1, kernels::elements_together / std::max<std::int64_t>(1, rows.classes));
  const double work = kernels::work_of<T>(multiply_adds_of_term, rows.count * rows.classes);
  kernels::parallel_ranges(rows.count, step, work, [&](std::int64_t begin, std::int64_t end) {
    const kernels::PoolArray<T> terms(static_cast<std::size_t>(step * rows.classes));
    for (; begin < end; begin += step) {
      const std::int64_t count = std::min(step, end - begin);
      T* term = terms.at(0);
      for (std::int64_t row = begin; row < begin + count; ++row) {
        const T* const given = t + row * rows.classes;
        const T nothing = *rows.rest.at(static_cast<std::size_t>(row)) * 0;  // NaN where the whole row is
        for (std::int64_t j = 0; j < rows.classes; ++j) *term++ = given[j] == 0 ? nothing : given[j] * rows.surprisal(row, j);
      }
      kernels::reduce(kernels::Reduction::sum, dtype_of<T>, terms.at(0), losses + begin, count, rows.classes, 1);
    }
  });
}

void cross_entropy(const Tensor& logits, const Tensor& targets, Tensor& result) {
  dispatch_floating(logits.dtype(), [&]<typename T>(T) {
    const Rows<T> rows(logits);
    T* const losses = static_cast<T*>(Access::elements(result));
    const void* const given = Access::elements(targets);
    if (!are_labels(targets)) return cross_entropy_of_rows(rows, static_cast<const T*>(given), losses);
    dispatch(targets.dtype(), [&](auto label) { cross_entropy_of_labels(rows, static_cast<const decltype(label)*>(given), losses); });
  });
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
/// differentiated too. Nothing overflows, and no digits are lost where a probability is near 0 or 1. A class whose t is 0 adds nothing,
/// also where its logit is −inf; a row with +inf or NaN gives NaN, a label whose logit is −inf gives inf. Throws ValueError for a label out of 0 … classes−1.
Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& targets);
#endif
WENGERT_OPERATION(softmax_cross_entropy) {
  return primitive(name, {
      .category = Category::loss,
      .reads = {.inputs = Reads::all},
      .inputs = 2,
      .guards = true,
      .infer = [](auto inputs, const Attributes&, auto results) { infer_cross_entropy(inputs, results[0]); },
      .kernel = [](auto inputs, const Attributes&, auto results) { cross_entropy(inputs[0], inputs[1], results[0]); },
      .vjp = cross_entropy_vjp,
      .samples = [] {
        const Tensor& logits = detail::sample_matrix();
        return std::vector<Sample>{
            {{logits, Tensor({2, 0})}},
            {{logits, Tensor({{0.2, 0.5, 0.3}, {0.0, 1.0, 0.0}})}},
            {{Tensor({{30.0, -40.0}}), Tensor({1})}},
            {{Tensor({{800.0, -800.0, 799.5}}), Tensor({{0.5, 0.1, 0.4}})}},
            {{Tensor({{1.5}, {-2.0}}), Tensor({0, 0})}},
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

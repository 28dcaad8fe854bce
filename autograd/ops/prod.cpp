#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

/// For each entry of a row the product of all others, rows [rows, n]. Without a division, which zeros would spoil: neighbours are
/// multiplied, the products of all other pairs are found in the same way, and each entry takes its neighbour's part.
Tensor products_of_others(const Tensor& x) {
  const std::int64_t rows = x.shape()[0], n = x.shape()[1];
  if (n == 1) return ones(x.shape(), x.dtype());
  if (n % 2 == 1) {
    const Tensor padded = products_of_others(concat({x, ones({rows, 1}, x.dtype())}, 1));
    return slice(padded, {0, 0}, {rows, n});
  }
  const Tensor even = slice(x, {0, 0}, {rows, n}, {1, 2}), odd = slice(x, {0, 1}, {rows, n}, {1, 2});
  const Tensor others = products_of_others(even * odd);
  return reshape(stack({others * odd, others * even}, 2), {rows, n});
}

void product_vjp(const Vjp& vjp) {
  const Tensor& x = vjp.input();
  if (x.size() == 0) return vjp.set(0, zeros(x.shape(), x.dtype()));
  const Ints axes = normalize_axes("prod", vjp.attributes().ints("axes"), x.rank());
  const Ints order = detail::order_with_last(axes, x.rank());
  const Tensor moved = transpose(x, order);
  const std::int64_t n = detail::extent_product(moved.shape(), x.rank() - axes.size(), x.rank());
  const Tensor others = reshape(products_of_others(reshape(moved, {x.size() / n, n})), Ints(moved.shape()));
  vjp.set(0, detail::with_reduced_axes(vjp.dy(), vjp) * transpose(others, detail::inverse_order(order)));
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The product over some axes (all of them when `axes` is empty), of any number dtype; of nothing it is 1. Integers wrap. The
/// gradient is the product of all others, right also where entries are 0.
Tensor prod(const Tensor& x, const Ints& axes = {}, bool keepdims = false);
#endif
WENGERT_OPERATION(prod) {
  return primitive(name, {
      .category = Category::reduction,
      .attributes = {{"axes", Ints{}}, {"keepdims", false}},
      .reads = {.inputs = Reads::all},
      .reduces = {{kernels::Reduction::prod, detail::given_axes}},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {detail::number_dtype("prod", inputs[0].dtype()), detail::reduced_shape("prod", inputs[0].shape(), attributes)};
      },
      .vjp = product_vjp,
      .samples = [] {
        std::vector<Sample> samples = detail::reduction_samples();
        samples.push_back({{Tensor({{1.5, 0.0, -2.0, 0.5}, {0.0, 0.0, 3.0, 1.25}})}, {{"axes", Ints{1}}}});
        samples.push_back({{zeros({2, 0}, DType::f64)}});
        return samples;
      },
  });
}
Tensor prod(const Tensor& x, const Ints& axes, bool keepdims) {
  return apply(operations::prod(), {x}, {{"axes", axes}, {"keepdims", keepdims}});
}

}  // namespace wengert

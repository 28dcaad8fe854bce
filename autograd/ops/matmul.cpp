#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/row_kernels.h>

namespace wengert {
namespace {

/// The sizes of one product: matrices [m, k] and [k, n] after transposition, and the axes before them.
struct Product {
  std::int64_t m, n, k;
  Shape batch;

  Product(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
    if (a.rank() < 2 || b.rank() < 2) {
      throw ShapeError(fmt::format("matmul: {} and {}; expected matrices [..., m, k] and [..., k, n]; reshape vectors",
                                   to_string(a.shape()), to_string(b.shape())));
    }
    const auto rows = [](const Tensor& x) { return x.shape()[x.rank() - 2]; };
    const auto columns = [](const Tensor& x) { return x.shape()[x.rank() - 1]; };
    m = transpose_a ? columns(a) : rows(a);
    k = transpose_a ? rows(a) : columns(a);
    n = transpose_b ? rows(b) : columns(b);
    const std::int64_t other_k = transpose_b ? columns(b) : rows(b);
    if (k != other_k) {
      throw ShapeError(fmt::format("matmul: {}{} and {}{} do not fit: the inner extents are {} and {}; expected equal ones",
                                   to_string(a.shape()), transpose_a ? " transposed" : "", to_string(b.shape()),
                                   transpose_b ? " transposed" : "", k, other_k));
    }
    const auto before = [](const Tensor& x) { return Shape(std::span(x.shape().begin(), x.rank() - 2)); };
    batch = broadcast_shapes("matmul, axes before the matrices", before(a), before(b));
  }
  Product(std::span<const Tensor> inputs, const Attributes& attributes)
      : Product(inputs[0], inputs[1], attributes.flag("transpose_a"), attributes.flag("transpose_b")) {}

  Shape shape() const {
    Ints extents(batch);
    extents.push_back(m);
    extents.push_back(n);
    return Shape(extents);
  }
};

/// The matrices of an operand, one after the other: where each of the result begins in it, in bytes.
struct Matrices {
  Shape batch;
  Ints strides;
  std::int64_t bytes = 0, leading = 0;
  bool transposed = false;

  Matrices(const Tensor& x, const Shape& result_batch, bool is_transposed)
      : batch(result_batch), strides(broadcast_strides(Shape(std::span(x.shape().begin(), x.rank() - 2)), batch)),
        bytes(x.shape()[x.rank() - 2] * x.shape()[x.rank() - 1] * static_cast<std::int64_t>(size_of(x.dtype()))),
        leading(x.shape().back()), transposed(is_transposed) {}

  /// Whether no matrix of the result shares its own with another one.
  bool has_one_for_each() const {
    for (std::size_t axis = 0; axis < batch.rank(); ++axis) {
      if (batch[axis] > 1 && strides[axis] == 0) return false;
    }
    return true;
  }

  kernels::MatrixView at(const void* data, std::int64_t number) const {
    std::int64_t offset = 0;
    for (std::size_t axis = batch.rank(); axis-- > 0;) {
      offset += number % batch[axis] * strides[axis];
      number /= batch[axis];
    }
    return {static_cast<const std::byte*>(data) + offset * bytes, leading, transposed};
  }
};

/// A product of which everything is known but where its matrices are.
class Multiplication {
 public:
  Multiplication(std::span<const Tensor> inputs, const Attributes& attributes) : Multiplication(inputs, attributes, Product(inputs, attributes)) {}

  /// With its results side by side: they are the columns of one matrix.
  Multiplication side_by_side() const {
    Multiplication result = *this;
    result.result_leading_ = count_ * n_;
    result.bytes_ = n_ * static_cast<std::int64_t>(size_of(dtype_));
    return result;
  }

  /// Some rows of the results' matrices, all of one.
  void rows(const void* a, const void* b, std::int64_t first, std::int64_t count, void* result) const {
    kernels::gemm(dtype_, count, n_, k_, left_from(a, first / m_, first % m_, 0), right_.at(b, first / m_), result, n_);
  }

  RowKernel row_kernel() const {
    static_assert(RowKernel::fewest == kernels::equal_bits_from);
    return {m_, n_, work_, count_ == 1 && !left_.transposed,
            [*this](std::span<const void* const> inputs, std::int64_t first, std::int64_t count, void* result) {
              rows(inputs[0], inputs[1], first, count, result);
            }};
  }

  /// The same of results side by side: rows of all.
  RowKernel wide_row_kernel() const {
    return {m_, result_leading_, work_, !left_.transposed,
            [*this](std::span<const void* const> inputs, std::int64_t first, std::int64_t count, void* result) {
              const kernels::MatrixView left = left_from(inputs[0], 0, first, 0);
              for (std::int64_t i = 0; i < count_; ++i)
                kernels::gemm(dtype_, count, n_, k_, left, right_.at(inputs[1], i), static_cast<std::byte*>(result) + i * bytes_, result_leading_);
            }};
  }

  /// Of rows on the right: each is multiplied with a column on the left.
  std::optional<TermKernel> term_kernel() const {
    const bool is_large = k_ > 0 && std::min(m_, n_) >= RowKernel::fewest;
    if (right_.transposed || !is_floating(dtype_) || !is_large) return std::nullopt;
    if (count_ > 1 && !right_.has_one_for_each()) return std::nullopt;
    const auto bytes = static_cast<std::size_t>(bytes_);
    TermKernel kernel{count_, k_, n_, kernels::gemm_block(k_), bytes, work_};
    kernel.run = [*this](std::span<const void* const> others, std::int64_t first, std::int64_t count, const void* rows, void* share) {
      kernels::gemm(dtype_, m_, n_, count, left_from(others[0], first / k_, 0, first % k_), {rows, n_}, share, n_);
    };
    kernel.add_up = [*this, blocks = kernel.blocks()](const void* shares, void* result) {
      const double work = kernels::work_of(1, count_ * blocks * m_ * n_, size_of(dtype_));
      kernels::parallel_ranges(count_, 1, work, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          kernels::gemm_join(dtype_, m_ * n_, blocks, static_cast<const std::byte*>(shares) + i * blocks * bytes_, static_cast<std::byte*>(result) + i * bytes_);
      });
    };
    return kernel;
  }

  /// Whether the matrix on the right is laid out for each product, and one laid out before gives the same bits.
  bool lays_out_right() const {
    return right_.transposed && k_ > 1 && is_floating(dtype_) && std::min(m_, n_) >= RowKernel::fewest;
  }

  /// Into groups of how many columns the one on the right is better cut, each a matrix of its own; 0: none.
  std::int64_t columns_together() const {
    const bool is_laid_out = !right_.transposed || lays_out_right();
    return is_laid_out ? kernels::columns_together(dtype_, m_, n_, k_, right_.transposed ? n_ : right_.leading) : 0;
  }

  bool can_sum() const { return count_ == 1 && kernels::can_sum(dtype_, m_, n_, k_, right_.at(nullptr, 0)); }

  /// Of pairs of matrices the sum of the products; with one matrix more, added to that.
  void sum(std::span<const void* const> inputs, void* result) const {
    const auto factors = inputs.first(inputs.size() / 2 * 2);
    const void* const before = inputs.size() > factors.size() ? inputs.back() : nullptr;
    kernels::gemm_sum(dtype_, m_, n_, k_, left_.at(inputs[0], 0), right_.at(inputs[1], 0), factors, before, result);
  }

  void operator()(const void* a, const void* b, void* result) const {
    const auto multiply_one = [&](std::int64_t i) {
      kernels::gemm(dtype_, m_, n_, k_, left_.at(a, i), right_.at(b, i), static_cast<std::byte*>(result) + i * bytes_, result_leading_);
    };
    if (count_ == 1) return multiply_one(0);  // in parts, where it is worth it
    kernels::parallel_ranges(count_, 1, work_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) multiply_one(i);
    });
  }

 private:
  Multiplication(std::span<const Tensor> inputs, const Attributes& attributes, const Product& product)
      : dtype_(inputs[0].dtype()), m_(product.m), n_(product.n), k_(product.k), count_(product.batch.elements()),
        result_leading_(n_), bytes_(m_ * n_ * static_cast<std::int64_t>(size_of(dtype_))),
        work_(static_cast<double>(count_ * m_ * n_) * static_cast<double>(k_)),
        left_(inputs[0], product.batch, attributes.flag("transpose_a")),
        right_(inputs[1], product.batch, attributes.flag("transpose_b")) {
    // One matrix on the right for all on the left: these are the rows of one.
    if (!left_.transposed && inputs[1].rank() == 2 && count_ > 1) m_ *= std::exchange(count_, 1);
  }

  /// A matrix on the left from a row and a term of it on.
  kernels::MatrixView left_from(const void* a, std::int64_t matrix, std::int64_t row, std::int64_t term) const {
    kernels::MatrixView left = left_.at(a, matrix);
    const std::int64_t element = left.transposed ? term * left.leading + row : row * left.leading + term;
    left.data = static_cast<const std::byte*>(left.data) + element * static_cast<std::int64_t>(size_of(dtype_));
    return left;
  }

  DType dtype_;
  std::int64_t m_, n_, k_, count_, result_leading_, bytes_;
  double work_;
  Matrices left_, right_;
};

std::int64_t flop_of(std::span<const Shape> inputs, const Attributes& attributes) {
  const Shape& a = inputs[0];
  return 2 * a[a.rank() - (attributes.flag("transpose_a") ? 2 : 1)];
}

/// A sum of products, which graphs alone are made of.
const Operation& sum_of_products() {
  static const Operation operation = {
      .name = "sum_of_products",
      .category = Category::linear_algebra,
      .inputs = 0,
      .flop = [](std::span<const Shape> inputs, const Attributes& attributes) {
        return static_cast<std::int64_t>(inputs.size() / 2) * (flop_of(inputs, attributes) + 1) - (inputs.size() % 2 == 0 ? 1 : 0);
      },
      .prepare = [](auto types, const Attributes& attributes) -> Operation::Prepared {
        return [multiply = Multiplication(types, attributes)](auto inputs, auto results) { multiply.sum(inputs, results[0]); };
      },
  };
  return operation;
}

/// A product with the columns of a matrix in groups, each a matrix of its own, which graphs alone are made of.
const Operation& product_by_groups() {
  static const Operation operation = {
      .name = "product_by_groups",
      .category = Category::linear_algebra,
      .inputs = 2,
      .flop = flop_of,
      .prepare = [](auto types, const Attributes& attributes) -> Operation::Prepared {
        return [multiply = Multiplication(types, attributes).side_by_side()](auto inputs, auto results) { multiply(inputs[0], inputs[1], results[0]); };
      },
      .prepare_rows = [](auto types, const Attributes& attributes) { return Multiplication(types, attributes).side_by_side().wide_row_kernel(); },
  };
  return operation;
}

/// The matrix on the right in groups of columns, or else as its transpose, where a product would transpose it.
std::optional<OtherLayout> layout_of_right(Operation::Arguments types, const Attributes& attributes) {
  const Shape& right = types[1].shape();
  if (right.rank() != 2) return std::nullopt;
  const Multiplication multiply(types, attributes);
  const std::int64_t together = types[0].rank() == 2 ? multiply.columns_together() : 0;
  const bool transposes = multiply.lays_out_right();
  if (together == 0 && !transposes) return std::nullopt;
  // Measured: a transposition takes what five products take to lay the matrix out, groups what nine to twenty gain.
  const std::size_t fewest_calls = transposes ? 8 : 24;
  Shape seen = right;
  Ints axes;
  if (together > 0) {
    seen = transposes ? Shape{right[0] / together, together, right[1]} : Shape{right[0], right[1] / together, together};
    axes = transposes ? Ints{0, 2, 1} : Ints{1, 0, 2};
  }
  const Operation* const call = together > 0 ? &product_by_groups() : find_operation("matmul");
  return OtherLayout{1, seen, find_operation("transpose"), {{"axes", axes}},
                     call, {{"transpose_a", attributes.flag("transpose_a")}, {"transpose_b", false}}, fewest_calls};
}

/// All axes but the last as one.
Tensor as_matrix(const Tensor& x) { return reshape(x, {detail::extent_product(x.shape(), 0, x.rank() - 1), x.shape().back()}); }

/// op(A)ᵀ · dY and dY · op(B)ᵀ, or their transposes where the operand is itself taken transposed.
void product_vjp(const Vjp& vjp) {
  const Tensor &a = vjp.input(0), &b = vjp.input(1);
  const bool ta = vjp.attributes().flag("transpose_a"), tb = vjp.attributes().flag("transpose_b");
  const Tensor& dy = vjp.dy();
  if (vjp.needs(0)) {
    const Tensor da = ta ? matmul(b, dy, {.transpose_a = tb, .transpose_b = true}) : matmul(dy, b, {.transpose_b = !tb});
    vjp.set(0, sum_to(da, vjp.input_shape(0)));
  }
  if (!vjp.needs(1)) return;
  // Where one matrix served the whole batch, its gradient is one product over all rows, not a sum of products.
  const bool shared = b.rank() == 2 && a.rank() > 2 && !ta;
  const Tensor rows = shared ? as_matrix(a) : a, dys = shared ? as_matrix(dy) : dy;
  const Tensor db = tb ? matmul(dys, rows, {.transpose_a = true, .transpose_b = ta}) : matmul(rows, dys, {.transpose_a = !ta});
  vjp.set(1, sum_to(db, vjp.input_shape(1)));
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
struct MatmulOptions {
  bool transpose_a = false;  ///< read a as its transpose in the last two axes, without moving it
  bool transpose_b = false;
};
/// The matrix product a · b over the last two axes, [..., m, k] and [..., k, n] to [..., m, n]; the axes before them broadcast.
/// Both of one dtype, any number. k = 0 gives zeros; 0 · inf and 0 · NaN are NaN; integers wrap.
/// Throws ShapeError for fewer than two axes or inner extents that differ.
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});
#endif
WENGERT_OPERATION(matmul) {
  return primitive(name, {
      .category = Category::linear_algebra,
      .attributes = {{"transpose_a", false}, {"transpose_b", false}},
      .reads = {.inputs = Reads::all},
      .inputs = 2,
      .flop = flop_of,
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        const DType dtype = detail::number_dtype("matmul", inputs[0].dtype());
        detail::require_one_dtype("matmul", dtype, inputs[1].dtype());
        results[0] = {dtype, Product(inputs, attributes).shape()};
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        const Multiplication multiply(inputs, attributes);
        multiply(detail::Access::elements(inputs[0]), detail::Access::elements(inputs[1]), detail::Access::elements(results[0]));
      },
      .prepare = [](auto types, const Attributes& attributes) -> Operation::Prepared {
        return [multiply = Multiplication(types, attributes)](auto inputs, auto results) { multiply(inputs[0], inputs[1], results[0]); };
      },
      .prepare_rows = [](auto types, const Attributes& attributes) { return Multiplication(types, attributes).row_kernel(); },
      .prepare_terms = [](Operation::Arguments types, const Attributes& attributes) { return Multiplication(types, attributes).term_kernel(); },
      .summed_by = [](Operation::Arguments types, const Attributes& attributes) { return Multiplication(types, attributes).can_sum() ? &sum_of_products() : nullptr; },
      .other_layout = layout_of_right,
      .vjp = product_vjp,
      .samples = [] {
        const Tensor& a = detail::sample_matrix();
        const Tensor b({{1.5, 0.7}, {0.4, -1.1}, {2.5, -0.3}});
        const Tensor cube({0.3, -0.8, 1.7, 0.9, -2.4, 3.1, 0.2, -1.6, 0.6, 1.1, -0.5, 2.2}, {2, 2, 3});
        return std::vector<Sample>{
            {{a, b}},
            {{b, a}, {{"transpose_a", true}, {"transpose_b", true}}},
            {{a, a}, {{"transpose_a", false}, {"transpose_b", true}}},
            {{a, a}, {{"transpose_a", true}, {"transpose_b", false}}},
            {{cube, b}},
            {{a, reshape(cube, {2, 3, 2})}},
            {{zeros({2, 0}, DType::f64), zeros({0, 3}, DType::f64)}},
        };
      },
  });
}
Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  return apply(operations::matmul(), {a, b}, {{"transpose_a", options.transpose_a}, {"transpose_b", options.transpose_b}});
}

}  // namespace wengert

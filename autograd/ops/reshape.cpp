#include <algorithm>

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

/// The shape that is asked for; one extent may be −1.
Shape completed(const Shape& from, const Ints& asked) {
  Ints extents = asked;
  std::int64_t known = 1;
  std::int64_t* unknown = nullptr;
  const auto fail = [&] {
    throw ShapeError(fmt::format("reshape: {} elements of {} do not fit {}", from.elements(), to_string(from), to_string(asked)));
  };
  for (std::size_t axis = 0; axis < asked.size(); ++axis) {
    std::int64_t& extent = extents[axis];
    if (extent != -1) {
      if (extent < 0 || __builtin_mul_overflow(known, extent, &known)) fail();
    } else if (unknown == nullptr) {
      unknown = &extent;
    } else {
      throw ShapeError(fmt::format("reshape: {} leaves more than one extent open; expected one −1 at most", to_string(asked)));
    }
  }
  if (unknown != nullptr) {
    if (known == 0 || from.elements() % known != 0) fail();
    *unknown = from.elements() / known;
  } else if (known != from.elements()) {
    fail();
  }
  return Shape(extents);
}

/// A permutation of the axes; reversed where none is given.
Ints permutation_of(const Ints& axes, std::size_t rank) {
  Ints permutation;
  if (axes.empty()) {
    for (std::size_t axis = rank; axis-- > 0;) permutation.push_back(static_cast<std::int64_t>(axis));
    return permutation;
  }
  if (axes.size() != rank) {
    throw ValueError(fmt::format("transpose: axes {} for rank {}; expected each axis once", to_string(axes), rank));
  }
  normalize_axes("transpose", axes, rank);  // throws for repetitions
  for (const std::int64_t axis : axes) permutation.push_back(static_cast<std::int64_t>(normalize_axis("transpose", axis, rank)));
  return permutation;
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The same elements, in row-major order, under another shape; one extent may be −1 and is worked out. Any dtype; shares x's
/// memory. Throws ShapeError where the numbers of elements differ.
Tensor reshape(const Tensor& x, const Ints& shape);
#endif
WENGERT_OPERATION(reshape) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"shape", Ints{}}},
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {inputs[0].dtype(), completed(inputs[0].shape(), attributes.ints("shape"))};
      },
      .evaluate = [](auto inputs, const Attributes& attributes) {
        return detail::Access::alias(inputs[0], completed(inputs[0].shape(), attributes.ints("shape")));
      },
      .vjp = [](const Vjp& vjp) { vjp.set(0, reshape(vjp.dy(), Ints(vjp.input_shape()))); },
      .samples = [] {
        const Tensor& matrix = detail::sample_matrix();
        return std::vector<Sample>{
            {{matrix}, {{"shape", Ints{3, 2}}}},
            {{matrix}, {{"shape", Ints{1, -1, 1, 2}}}},
            {{Tensor(0.5)}, {{"shape", Ints{1, 1}}}},
            {{zeros({0, 3}, DType::f64)}, {{"shape", Ints{3, 0, 7}}}},
        };
      },
  });
}
Tensor reshape(const Tensor& x, const Ints& shape) {
  if (std::equal(shape.begin(), shape.end(), x.shape().begin(), x.shape().end())) return x;
  return apply(operations::reshape(), {x}, {{"shape", shape}});
}
Tensor Tensor::reshape(const Ints& shape) const { return wengert::reshape(*this, shape); }

#ifdef WENGERT_DECLARATIONS
/// x with its axes in another order: axis i of the result is axis axes[i] of x; without `axes` in reverse order, which for a
/// matrix is the transpose. Any dtype. Throws ValueError where `axes` are not all axes. For products rather say `matmul(a, b, {.transpose_b = true})`, which moves nothing.
Tensor transpose(const Tensor& x, const Ints& axes = {});
#endif
WENGERT_OPERATION(transpose) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"axes", Ints{}}},
      .view = [](const Shape& shape, const Shape&, const Attributes& attributes) -> std::optional<View> {
        return detail::permutation(shape, permutation_of(attributes.ints("axes"), shape.rank()));
      },
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        const Shape& shape = inputs[0].shape();
        results[0] = {inputs[0].dtype(), detail::permuted(shape, permutation_of(attributes.ints("axes"), shape.rank()))};
      },
      .vjp = [](const Vjp& vjp) {
        const Ints order = permutation_of(vjp.attributes().ints("axes"), vjp.input_shape().rank());
        vjp.set(0, transpose(vjp.dy(), detail::inverse_order(order)));
      },
      .samples = [] {
        const Tensor cube({0.3, -0.8, 1.7, 0.9, -2.4, 3.1, 0.2, -1.6, 0.6, 1.1, -0.5, 2.2}, {2, 3, 2});
        return std::vector<Sample>{
            {{detail::sample_matrix()}},
            {{cube}, {{"axes", Ints{2, 0, 1}}}},
            {{cube}, {{"axes", Ints{0, -1, 1}}}},
            {{Tensor({{0.5, 1.5}})}},
            {{zeros({0, 3}, DType::f64)}},
            {{Tensor(0.5)}},
        };
      },
  });
}
Tensor transpose(const Tensor& x, const Ints& axes) {
  bool moves = axes.empty() || axes.size() != x.rank();
  for (std::size_t i = 0; !moves && i < axes.size(); ++i) moves = axes[i] != static_cast<std::int64_t>(i);
  return moves ? apply(operations::transpose(), {x}, {{"axes", axes}}) : x;
}

#ifdef WENGERT_DECLARATIONS
/// x without those of its axes that have extent 1: all of them, or those given. Any dtype; shares x's memory. Throws ShapeError
/// for an axis of another extent.
Tensor squeeze(const Tensor& x, const Ints& axes = {});
#endif
WENGERT_OPERATION(squeeze) {
  return composed(name, {
      .category = Category::shape,
      .attributes = {{"axes", Ints{}}},
      .compose = [](auto inputs, const Attributes& attributes) { return squeeze(inputs[0], attributes.ints("axes")); },
      .samples = [] {
        const Tensor x({0.5, -1.25, 2.0}, {1, 3, 1});
        return std::vector<Sample>{{{x}}, {{x}, {{"axes", Ints{-1}}}}, {{Tensor(0.5)}}, {{zeros({1, 0}, DType::f64)}}};
      },
  });
}
Tensor squeeze(const Tensor& x, const Ints& axes) {
  const Shape& shape = x.shape();
  const Ints given = axes.empty() ? Ints{} : normalize_axes("squeeze", axes, shape.rank());
  Ints extents;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const bool is_given = std::find(given.begin(), given.end(), static_cast<std::int64_t>(axis)) != given.end();
    if (is_given && shape[axis] != 1) {
      throw ShapeError(fmt::format("squeeze: axis {} of {} has extent {}; expected 1", axis, to_string(shape), shape[axis]));
    }
    if (!(is_given || (axes.empty() && shape[axis] == 1))) extents.push_back(shape[axis]);
  }
  return reshape(x, extents);
}

#ifdef WENGERT_DECLARATIONS
/// x with new axes of extent 1, at the places `axes` of the result. Any dtype; shares x's memory. Throws ShapeError for more than
/// eight axes in all.
Tensor unsqueeze(const Tensor& x, const Ints& axes);
#endif
WENGERT_OPERATION(unsqueeze) {
  return composed(name, {
      .category = Category::shape,
      .attributes = {{"axes", Ints{0}}},
      .compose = [](auto inputs, const Attributes& attributes) { return unsqueeze(inputs[0], attributes.ints("axes")); },
      .samples = [] {
        const Tensor& x = detail::sample_matrix();
        return std::vector<Sample>{
            {{x}}, {{x}, {{"axes", Ints{-1, 1}}}}, {{Tensor({1.5})}}, {{Tensor(0.5)}}, {{zeros({0}, DType::f64)}},
        };
      },
  });
}
Tensor unsqueeze(const Tensor& x, const Ints& axes) {
  if (axes.empty()) return x;
  const std::size_t rank = x.rank() + axes.size();
  if (rank > max_rank) {
    throw ShapeError(fmt::format("unsqueeze: {} with {} more axes; a tensor has at most {}", to_string(x.shape()), axes.size(), max_rank));
  }
  const Ints places = normalize_axes("unsqueeze", axes, rank);
  Ints extents;
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const bool is_new = std::find(places.begin(), places.end(), static_cast<std::int64_t>(axis)) != places.end();
    extents.push_back(is_new ? 1 : x.shape()[next++]);
  }
  return reshape(x, extents);
}

}  // namespace wengert

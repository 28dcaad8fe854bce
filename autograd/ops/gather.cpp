#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/indexing.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

using detail::AxisIndices;
using detail::sample_matrix;

void require_same_but_axis(const char* name, const Tensor& x, const Tensor& indices, std::size_t axis) {
  bool fits = x.rank() == indices.rank();
  for (std::size_t i = 0; fits && i < x.rank(); ++i) fits = i == axis || x.shape()[i] == indices.shape()[i];
  if (!fits) {
    throw ShapeError(fmt::format("{}: {} with indices {} along axis {}; expected equal extents along all other axes", name,
                                 to_string(x.shape()), to_string(indices.shape()), axis));
  }
}

void require_rank(const char* name, std::size_t rank) {
  if (rank > max_rank) throw ShapeError(fmt::format("{}: the result would have {} axes; a tensor has at most {}", name, rank, max_rank));
}

/// x's shape with the axis replaced by the shape of the indices.
Shape taken_shape(const char* name, const Shape& x, const Shape& indices, std::size_t axis) {
  require_rank(name, x.rank() - 1 + indices.rank());
  Ints extents;
  for (std::size_t i = 0; i < axis; ++i) extents.push_back(x[i]);
  for (const std::int64_t extent : indices) extents.push_back(extent);
  for (std::size_t i = axis + 1; i < x.rank(); ++i) extents.push_back(x[i]);
  return Shape(extents);
}

void require_updates(const char* name, const Tensor& x, const Tensor& updates, const Shape& expected) {
  if (updates.dtype() != x.dtype()) {
    throw DTypeError(fmt::format("{}: x is {} and the updates are {}; expected one dtype; cast one of them", name, name_of(x.dtype()),
                                 name_of(updates.dtype())));
  }
  if (updates.shape() != expected) {
    throw ShapeError(fmt::format("{}: updates {}; expected {}", name, to_string(updates.shape()), to_string(expected)));
  }
}

/// The shape of what the indices name, along the axis.
Shape read_shape(const char* name, AxisIndices::Kind kind, const Tensor& x, const Tensor& indices, const Attributes& attributes) {
  const std::size_t axis = detail::axis_of(name, x.shape(), attributes);
  if (kind == AxisIndices::per_entry) require_same_but_axis(name, x, indices, axis);
  detail::require_indices(name, indices);
  return kind == AxisIndices::per_entry ? indices.shape() : taken_shape(name, x.shape(), indices.shape(), axis);
}

/// What reads x where the indices say; `add` gives its gradient.
Operation reading(const char* name, AxisIndices::Kind kind, std::int64_t axis, decltype(&scatter_add) add,
                  std::vector<Sample> (*samples)()) {
  return primitive(name, {
      .category = Category::indexing,
      .attributes = {{"axis", axis}},
      .reads = {.inputs = 0b10},
      .inputs = 2,
      .guards = true,
      .infer = [name, kind](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {inputs[0].dtype(), read_shape(name, kind, inputs[0], inputs[1], attributes)};
      },
      .kernel = [name, kind](auto inputs, const Attributes& attributes, auto results) {
        const Shape& shape = inputs[0].shape();
        AxisIndices(name, shape, detail::axis_of(name, shape, attributes), inputs[1], kind).read(inputs[0], results[0]);
      },
      .vjp = [add](const Vjp& vjp) {
        vjp.set(0, add(zeros(vjp.input_shape(), vjp.input_dtype()), vjp.input(1), vjp.dy(), vjp.attributes().integer("axis")));
      },
      .samples = samples,
  });
}

/// What adds to x where `read` reads.
Operation adding(const char* name, AxisIndices::Kind kind, std::int64_t axis, decltype(&gather) read,
                 std::vector<Sample> (*samples)()) {
  return primitive(name, {
      .category = Category::indexing,
      .attributes = {{"axis", axis}},
      .reads = {.inputs = 0b10},
      .inputs = 3,
      .guards = true,
      .infer = [name, kind](auto inputs, const Attributes& attributes, auto results) {
        require_updates(name, inputs[0], inputs[2], read_shape(name, kind, inputs[0], inputs[1], attributes));
        results[0] = {detail::number_dtype(name, inputs[0].dtype()), inputs[0].shape()};
      },
      .kernel = [name, kind](auto inputs, const Attributes& attributes, auto results) {
        const Shape& shape = inputs[0].shape();
        AxisIndices(name, shape, detail::axis_of(name, shape, attributes), inputs[1], kind).add(inputs[0], inputs[2], results[0]);
      },
      .vjp = [read](const Vjp& vjp) {
        if (vjp.needs(0)) vjp.set(0, vjp.dy());
        if (vjp.needs(2)) vjp.set(2, read(vjp.dy(), vjp.input(1), vjp.attributes().integer("axis")));
      },
      .samples = samples,
  });
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// For each index the entry of x there along an axis, all other places being those of the index: in two dimensions, along axis 1,
/// y[i, j] = x[i, indices[i, j]]. x of any dtype, indices of any integer one and of x's shape but for the axis; negative ones count
/// from the end. Throws ValueError for an index out of range.
Tensor gather(const Tensor& x, const Tensor& indices, std::int64_t axis = -1);
#endif
WENGERT_OPERATION(gather) {
  return reading(name, AxisIndices::per_entry, -1, wengert::scatter_add, [] {
    return std::vector<Sample>{
        {{sample_matrix(), Tensor({{2, 0}, {1, 1}})}},
        {{sample_matrix(), Tensor({{1, 0, -1}})}, {{"axis", std::int64_t{0}}}},
        {{Tensor({0.5, 1.5}), zeros({0}, DType::i64)}},
    };
  });
}
Tensor gather(const Tensor& x, const Tensor& indices, std::int64_t axis) {
  return apply(operations::gather(), {x, indices}, {{"axis", axis}});
}

#ifdef WENGERT_DECLARATIONS
/// x with `updates` added where `gather` would read: in two dimensions, along axis 1, y[i, indices[i, j]] += updates[i, j]. Entries
/// that are named repeatedly get all of their updates, in order. x of any number dtype, updates of x's; indices as for `gather`.
/// Throws ValueError for an index out of range, ShapeError or DTypeError for what does not fit.
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, std::int64_t axis = -1);
#endif
WENGERT_OPERATION(scatter_add) {
  return adding(name, AxisIndices::per_entry, -1, wengert::gather, [] {
    return std::vector<Sample>{
        {{sample_matrix(), Tensor({{2, 0}, {1, 1}}), Tensor({{0.3, 0.7}, {-1.5, 2.0}})}},
        {{sample_matrix(), Tensor({{1, 0, -1}}), Tensor({{0.3, 0.7, 1.1}})}, {{"axis", std::int64_t{0}}}},
        {{Tensor({0.5, 1.5}), zeros({0}, DType::i64), zeros({0}, DType::f64)}},
    };
  });
}
Tensor scatter_add(const Tensor& x, const Tensor& indices, const Tensor& updates, std::int64_t axis) {
  return apply(operations::scatter_add(), {x, indices, updates}, {{"axis", axis}});
}

#ifdef WENGERT_DECLARATIONS
/// The slices of x at some places of an axis: the axis is replaced by the axes of `indices`. `take(embedding, words)` gives the row
/// of each word. x of any dtype, indices of any integer one and any shape; negative ones count from the end. Throws ValueError for
/// an index out of range.
Tensor take(const Tensor& x, const Tensor& indices, std::int64_t axis = 0);
#endif
WENGERT_OPERATION(take) {
  return reading(name, AxisIndices::per_slice, 0, wengert::index_add, [] {
    return std::vector<Sample>{
        {{sample_matrix(), Tensor({1, 0, 1})}},
        {{sample_matrix(), Tensor({{2, -1}, {0, 0}})}, {{"axis", std::int64_t{1}}}},
        {{sample_matrix(), Tensor(1)}},
        {{Tensor({{0.5}, {1.5}}), Tensor({0, -1})}, {{"axis", std::int64_t{-1}}}},
        {{sample_matrix(), zeros({0}, DType::i32)}},
    };
  });
}
Tensor take(const Tensor& x, const Tensor& indices, std::int64_t axis) { return apply(operations::take(), {x, indices}, {{"axis", axis}}); }

#ifdef WENGERT_DECLARATIONS
/// x with `updates` added to the slices that `take` would read. Slices that are named repeatedly get all of their updates, in order.
/// x of any number dtype, updates of x's and of the shape that `take` gives. Throws as `scatter_add`.
Tensor index_add(const Tensor& x, const Tensor& indices, const Tensor& updates, std::int64_t axis = 0);
#endif
WENGERT_OPERATION(index_add) {
  return adding(name, AxisIndices::per_slice, 0, wengert::take, [] {
    return std::vector<Sample>{
        {{sample_matrix(), Tensor({1, 1}), Tensor({{0.3, 0.7, 1.1}, {-1.5, 2.0, 0.4}})}},
        {{sample_matrix(), Tensor({-1}), Tensor({{0.3}, {0.7}})}, {{"axis", std::int64_t{-1}}}},
        {{Tensor({{0.5}, {1.5}}), Tensor({0, -1}), Tensor({{0.3, 0.1}, {0.7, 0.9}})}, {{"axis", std::int64_t{1}}}},
        {{sample_matrix(), zeros({0}, DType::i32), zeros({0, 3}, DType::f64)}},
    };
  });
}
Tensor index_add(const Tensor& x, const Tensor& indices, const Tensor& updates, std::int64_t axis) {
  return apply(operations::index_add(), {x, indices, updates}, {{"axis", axis}});
}

#ifdef WENGERT_DECLARATIONS
/// For each index a row of `depth` numbers that is 1 at the index and 0 elsewhere. Indices of any integer dtype and shape. Throws
/// ValueError for an index out of 0 … depth−1.
Tensor one_hot(const Tensor& indices, std::int64_t depth, DType dtype = DType::f32);
#endif
WENGERT_OPERATION(one_hot) {
  return primitive(name, {
      .category = Category::indexing,
      .attributes = {{"depth", std::int64_t{1}}, {"dtype", DType::f32}},
      .differentiable = false,
      .guards = true,
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        detail::require_indices("one_hot", inputs[0]);
        if (attributes.integer("depth") < 0) {
          throw ValueError(fmt::format("one_hot: depth {}; expected 0 or more", attributes.integer("depth")));
        }
        require_rank("one_hot", inputs[0].rank() + 1);
        Ints extents(inputs[0].shape());
        extents.push_back(attributes.integer("depth"));
        results[0] = {attributes.get<DType>("dtype"), Shape(extents)};
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        detail::write_one_hot(inputs[0], attributes.integer("depth"), results[0]);
      },
      .samples = [] {
        return std::vector<Sample>{
            {{Tensor({2, 0})}, {{"depth", std::int64_t{3}}}},
            {{Tensor({{1}, {0}})}, {{"depth", std::int64_t{2}}, {"dtype", DType::f64}}},
            {{zeros({0}, DType::u8)}, {{"depth", std::int64_t{4}}, {"dtype", DType::boolean}}},
        };
      },
  });
}
Tensor one_hot(const Tensor& indices, std::int64_t depth, DType dtype) {
  return apply(operations::one_hot(), {indices}, {{"depth", depth}, {"dtype", dtype}});
}

}  // namespace wengert

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/reduction.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

/// Which indices a slice takes along each axis: `start`, `start + step` …, `count` of them.
struct Bounds {
  Ints starts, steps, counts;
};

void require_one_per_axis(const char* name, const char* what, const Ints& given, std::size_t rank) {
  if (given.size() == rank) return;
  throw ValueError(fmt::format("{}: {} are {} for rank {}; expected one per axis", name, what, to_string(given), rank));
}

Bounds bounds_of(const Shape& shape, const Attributes& attributes) {
  const Ints &starts = attributes.ints("starts"), &stops = attributes.ints("stops"), &steps = attributes.ints("steps");
  require_one_per_axis("slice", "starts", starts, shape.rank());
  require_one_per_axis("slice", "stops", stops, shape.rank());
  if (!steps.empty()) require_one_per_axis("slice", "steps", steps, shape.rank());
  Bounds bounds;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t extent = shape[axis], step = steps.empty() ? 1 : steps[axis];
    if (step < 1) throw ValueError(fmt::format("slice: step {} along axis {}; expected 1 or more; to go backward, flip", step, axis));
    const auto place = [extent](std::int64_t index) { return std::clamp<std::int64_t>(index < 0 ? index + extent : index, 0, extent); };
    const std::int64_t start = place(starts[axis]), stop = std::max(start, place(stops[axis]));
    bounds.starts.push_back(start);
    bounds.steps.push_back(step);
    bounds.counts.push_back(stop == start ? 0 : (stop - start - 1) / step + 1);
  }
  return bounds;
}

/// The part of a whole that the bounds say.
View locate(const Shape& whole, const Ints& starts, const Ints& steps) {
  const Ints own = row_major_strides(whole);
  View part;
  for (std::size_t axis = 0; axis < whole.rank(); ++axis) {
    // A step beyond the end is never taken, and must not overflow.
    part.strides.push_back(own[axis] * std::min(steps[axis], std::max<std::int64_t>(whole[axis], 1)));
    part.first += own[axis] * starts[axis];
  }
  return part;
}

/// A part seen as the whole that it is set into.
std::optional<View> view_of_embedded(const Shape& part, const Shape&, const Attributes& attributes) {
  View view{.strides = row_major_strides(part), .low = attributes.ints("starts"), .outside = attributes.number("value")};
  for (std::size_t axis = 0; axis < part.rank(); ++axis) {
    if (attributes.ints("steps")[axis] != 1) return std::nullopt;
    view.high.push_back(view.low[axis] + part[axis]);
  }
  return view;
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The part of x from `starts` short of `stops`, every `steps`-th index (each where left out); one number for each axis. Negative
/// bounds count from the end, bounds beyond it are cut off, as in NumPy; steps are 1 or more. Any dtype. Throws ValueError for
/// other steps, or not one number for each axis.
Tensor slice(const Tensor& x, const Ints& starts, const Ints& stops, const Ints& steps = {});
#endif
WENGERT_OPERATION(slice) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"starts", Ints{}}, {"stops", Ints{}}, {"steps", Ints{}}},
      .view = [](const Shape& input, const Shape&, const Attributes& attributes) -> std::optional<View> {
        const Bounds bounds = bounds_of(input, attributes);
        return locate(input, bounds.starts, bounds.steps);
      },
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        results[0] = {inputs[0].dtype(), Shape(bounds_of(inputs[0].shape(), attributes).counts)};
      },
      .vjp = [](const Vjp& vjp) {
        const Bounds bounds = bounds_of(vjp.input_shape(), vjp.attributes());
        vjp.set(0, embed(vjp.dy(), vjp.input_shape(), bounds.starts, bounds.steps));
      },
      .samples = [] {
        const Tensor matrix({{0.5, -1.25, 2.0, 0.1}, {-0.75, 1.5, -3.0, 0.7}, {0.2, 0.9, -0.4, 1.1}});
        return std::vector<Sample>{
            {{matrix}, {{"starts", Ints{1, 0}}, {"stops", Ints{3, 2}}}},
            {{matrix}, {{"starts", Ints{0, 1}}, {"stops", Ints{3, 99}}, {"steps", Ints{2, 2}}}},
            {{matrix}, {{"starts", Ints{-2, -3}}, {"stops", Ints{-1, -1}}}},
            {{matrix}, {{"starts", Ints{2, 0}}, {"stops", Ints{1, 4}}}},
            {{zeros({0, 3}, DType::f64)}, {{"starts", Ints{0, 1}}, {"stops", Ints{5, 3}}}},
        };
      },
  });
}
Tensor slice(const Tensor& x, const Ints& starts, const Ints& stops, const Ints& steps) {
  return apply(operations::slice(), {x}, {{"starts", starts}, {"stops", stops}, {"steps", steps}});
}

#ifdef WENGERT_DECLARATIONS
/// A tensor of `shape` that holds x at `starts`, its entries `steps` apart, and `value` elsewhere: what undoes `slice`. Any dtype.
/// Throws ShapeError where x does not fit.
Tensor embed(const Tensor& x, const Shape& shape, const Ints& starts, const Ints& steps = {}, double value = 0);
#endif
WENGERT_OPERATION(embed) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"shape", Ints{}}, {"starts", Ints{}}, {"steps", Ints{}}, {"value", 0.0}},
      .view = view_of_embedded,
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        const Shape &from = inputs[0].shape(), whole(attributes.ints("shape"));
        const DType dtype = inputs[0].dtype();
        require_one_per_axis("embed", "extents", attributes.ints("shape"), from.rank());
        require_one_per_axis("embed", "starts", attributes.ints("starts"), from.rank());
        require_one_per_axis("embed", "steps", attributes.ints("steps"), from.rank());
        for (std::size_t axis = 0; axis < from.rank(); ++axis) {
          const std::int64_t start = attributes.ints("starts")[axis], step = attributes.ints("steps")[axis];
          const auto reaches_out = [&] { return from[axis] > 0 && (start == whole[axis] || from[axis] - 1 > (whole[axis] - 1 - start) / step); };
          if (start < 0 || start > whole[axis] || step < 1 || reaches_out()) {
            throw ShapeError(fmt::format("embed: {} from {} on, {} apart, does not fit {}", to_string(from),
                                         to_string(attributes.ints("starts")), to_string(attributes.ints("steps")), to_string(whole)));
          }
        }
        static_cast<void>(scalar(attributes.number("value"), dtype));  // throws where the dtype cannot hold it
        results[0] = {dtype, whole};
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        detail::stretch(scalar(attributes.number("value"), results[0].dtype()), results[0]);
        const Shape& part = inputs[0].shape();
        const View place = locate(results[0].shape(), attributes.ints("starts"), attributes.ints("steps"));
        detail::StridedCopy{part, row_major_strides(part), place.strides, 0, place.first}(inputs[0], results[0]);
      },
      .vjp = [](const Vjp& vjp) {
        const Ints &starts = vjp.attributes().ints("starts"), &steps = vjp.attributes().ints("steps");
        Ints stops;
        for (std::size_t axis = 0; axis < starts.size(); ++axis) {
          const std::int64_t extent = vjp.input_shape()[axis];
          stops.push_back(extent == 0 ? starts[axis] : starts[axis] + (extent - 1) * steps[axis] + 1);
        }
        vjp.set(0, slice(vjp.dy(), starts, stops, steps));
      },
      .samples = [] {
        const Tensor matrix({{0.5, -1.25}, {-0.75, 1.5}});
        return std::vector<Sample>{
            {{matrix}, {{"shape", Ints{3, 4}}, {"starts", Ints{1, 0}}, {"steps", Ints{1, 1}}}},
            {{matrix}, {{"shape", Ints{3, 4}}, {"starts", Ints{0, 1}}, {"steps", Ints{2, 2}}, {"value", -1.5}}},
            {{zeros({0, 2}, DType::f64)}, {{"shape", Ints{1, 2}}, {"starts", Ints{0, 0}}, {"steps", Ints{1, 1}}}},
        };
      },
  });
}
Tensor embed(const Tensor& x, const Shape& shape, const Ints& starts, const Ints& steps, double value) {
  Ints apart = steps;
  for (std::size_t axis = apart.size(); steps.empty() && axis < x.rank(); ++axis) apart.push_back(1);
  return apply(operations::embed(), {x}, {{"shape", Ints(shape)}, {"starts", starts}, {"steps", apart}, {"value", value}});
}

#ifdef WENGERT_DECLARATIONS
/// x with `before` and `after` entries of `value` added along each axis. Any dtype. Throws ValueError for negative numbers, or
/// not one for each axis, DTypeError where x's dtype cannot hold the value.
Tensor pad(const Tensor& x, const Ints& before, const Ints& after, double value = 0);
#endif
WENGERT_OPERATION(pad) {
  return composed(name, {
      .category = Category::shape,
      .attributes = {{"before", Ints{}}, {"after", Ints{}}, {"value", 0.0}},
      .compose = [](auto inputs, const Attributes& attributes) {
        return pad(inputs[0], attributes.ints("before"), attributes.ints("after"), attributes.number("value"));
      },
      .samples = [] {
        const Tensor matrix({{0.5, -1.25}, {-0.75, 1.5}});
        return std::vector<Sample>{
            {{matrix}, {{"before", Ints{1, 0}}, {"after", Ints{0, 2}}}},
            {{matrix}, {{"before", Ints{0, 0}}, {"after", Ints{0, 0}}, {"value", 3.0}}},
            {{zeros({0}, DType::f64)}, {{"before", Ints{2}}, {"after", Ints{1}}, {"value", -0.5}}},
        };
      },
  });
}
Tensor pad(const Tensor& x, const Ints& before, const Ints& after, double value) {
  require_one_per_axis("pad", "counts before", before, x.rank());
  require_one_per_axis("pad", "counts after", after, x.rank());
  Ints extents(x.shape());
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (before[axis] < 0 || after[axis] < 0) {
      throw ValueError(fmt::format("pad: {} before and {} after; expected none negative; to cut off, slice", to_string(before), to_string(after)));
    }
    constexpr std::int64_t many = std::numeric_limits<std::int64_t>::max() / 4;
    if (std::max({extents[axis], before[axis], after[axis]}) > many) {
      throw ShapeError(fmt::format("pad: {} with {} before and {} after has more elements than can be counted", to_string(x.shape()),
                                   to_string(before), to_string(after)));
    }
    extents[axis] += before[axis] + after[axis];
  }
  return embed(x, Shape(extents), before, {}, value);
}

#ifdef WENGERT_DECLARATIONS
/// x in reverse order along some axes (all of them when `axes` is empty). Any dtype. Throws ValueError for axes it has not.
Tensor flip(const Tensor& x, const Ints& axes = {});
#endif
WENGERT_OPERATION(flip) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"axes", Ints{}}},
      .view = [](const Shape& shape, const Shape&, const Attributes& attributes) -> std::optional<View> {
        View view{.strides = row_major_strides(shape)};
        for (const std::int64_t axis : normalize_axes("flip", attributes.ints("axes"), shape.rank())) {
          std::int64_t& stride = view.strides[static_cast<std::size_t>(axis)];
          view.first += stride * (shape[axis] - 1);
          stride = -stride;
        }
        return view;
      },
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        static_cast<void>(normalize_axes("flip", attributes.ints("axes"), inputs[0].rank()));
        results[0] = {inputs[0].dtype(), inputs[0].shape()};
      },
      .vjp = [](const Vjp& vjp) { vjp.set(0, flip(vjp.dy(), vjp.attributes().ints("axes"))); },
      .samples = [] {
        const Tensor& matrix = detail::sample_matrix();
        return std::vector<Sample>{
            {{matrix}},
            {{matrix}, {{"axes", Ints{-1}}}},
            {{Tensor({{0.5, 1.5}})}, {{"axes", Ints{0}}}},
            {{Tensor(0.5)}},
            {{zeros({0, 2}, DType::f64)}},
        };
      },
  });
}
Tensor flip(const Tensor& x, const Ints& axes) { return apply(operations::flip(), {x}, {{"axes", axes}}); }

}  // namespace wengert

#include <fmt/format.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/checks.h>
#include <wengert/autograd/internal/strided.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

/// How many results there are.
std::size_t count_sections(const Attributes& attributes) {
  const std::int64_t sections = attributes.integer("sections");
  if (sections < 1) throw ValueError(fmt::format("split: {} sections; expected 1 or more", sections));
  return static_cast<std::size_t>(sections);
}

/// A part of x, the first one of `sections`.
Shape part_of(const Shape& x, const Attributes& attributes) {
  const std::size_t axis = detail::axis_of("split", x, attributes);
  const auto sections = static_cast<std::int64_t>(count_sections(attributes));
  constexpr std::int64_t most_empty = 1 << 20;  // an extent of 0 has any number of sections
  if (x[axis] == 0 && sections > most_empty) throw ValueError(fmt::format("split: {} sections of nothing; expected at most {}", sections, most_empty));
  if (x[axis] % sections != 0) {
    throw ShapeError(fmt::format("split: {} into {} sections along axis {}; expected an extent that they divide; for parts of other sizes, slice",
                                 to_string(x), sections, axis));
  }
  Ints extents(x);
  extents[axis] /= sections;
  return Shape(extents);
}

}  // namespace

#ifdef WENGERT_DECLARATIONS
/// The parts of x, as many as `sections`, all of one size, that lie one behind the other along an axis: what undoes `concat`. Any dtype.
/// Throws ShapeError where the extent is no multiple of `sections`, ValueError for none.
std::vector<Tensor> split(const Tensor& x, std::int64_t sections, std::int64_t axis = 0);
#endif
WENGERT_OPERATION(split) {
  return primitive(name, {
      .category = Category::shape,
      .attributes = {{"sections", std::int64_t{1}}, {"axis", std::int64_t{0}}},
      .count_outputs = count_sections,
      .divides = true,
      .infer = [](auto inputs, const Attributes& attributes, auto results) {
        const Shape part = part_of(inputs[0].shape(), attributes);
        for (TensorType& result : results) result = {inputs[0].dtype(), part};
      },
      .kernel = [](auto inputs, const Attributes& attributes, auto results) {
        const Tensor& x = inputs[0];
        const Shape& part = results[0].shape();
        const std::size_t axis = detail::axis_of("split", x.shape(), attributes);
        const Ints strides = row_major_strides(x.shape());
        std::int64_t offset = 0;
        for (Tensor& result : results) {
          detail::StridedCopy{part, strides, row_major_strides(part), offset, 0}(x, result);
          offset += part[axis] * strides[axis];
        }
      },
      .vjp = [](const Vjp& vjp) {
        std::vector<Tensor> dys;
        for (std::size_t i = 0; i < count_sections(vjp.attributes()); ++i) dys.push_back(vjp.dy(i));
        vjp.set(0, concat(dys, vjp.attributes().integer("axis")));
      },
      .samples = [] {
        const Tensor matrix({{0.5, -1.25, 2.0, 0.1}, {-0.75, 1.5, -3.0, 0.7}});
        return std::vector<Sample>{
            {{matrix}, {{"sections", std::int64_t{2}}}},
            {{matrix}, {{"sections", std::int64_t{4}}, {"axis", std::int64_t{-1}}}},
            {{matrix}, {{"sections", std::int64_t{2}}, {"axis", std::int64_t{1}}}},
            {{Tensor({{0.5, 1.5}})}},
            {{zeros({0, 2}, DType::f64)}, {{"sections", std::int64_t{3}}}},
        };
      },
  });
}
std::vector<Tensor> split(const Tensor& x, std::int64_t sections, std::int64_t axis) {
  const Attributes attributes = {{"sections", sections}, {"axis", axis}};
  static_cast<void>(part_of(x.shape(), attributes));  // throws where there are none, before there is room for them
  std::vector<Tensor> parts(count_sections(attributes));
  apply(operations::split(), {&x, 1}, attributes, parts);
  return parts;
}

}  // namespace wengert

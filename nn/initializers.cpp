#include <cmath>
#include <vector>

#include <Eigen/Core>
#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/nn/initializers.h>

namespace wengert::nn {

namespace {

/// Standard deviation of a standard normal number that is cut off at ±2.
constexpr double truncated_deviation = 0.87962566103423978;

Tensor rounded(const std::vector<double>& values, const Shape& shape, DType dtype) {
  if (dtype == DType::f64) return Tensor(values, shape);
  if (dtype == DType::f32) return Tensor(std::vector<float>(values.begin(), values.end()), shape);
  throw DTypeError("initializer: parameters are f32 or f64, not " + std::string(name_of(dtype)));
}

std::vector<double> uniform_values(std::int64_t count, double limit, Generator& generator) {
  const Tensor drawn = uniform(Shape{count}, -limit, limit, generator, DType::f64);
  const auto values = drawn.data<double>();
  return {values.begin(), values.end()};
}

/// Normal numbers, those beyond two deviations left out.
std::vector<double> truncated_normal_values(std::int64_t count, double deviation, Generator& generator) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(count));
  while (values.size() < static_cast<std::size_t>(count)) {
    const Tensor drawn = normal(Shape{count}, 0, 1, generator, DType::f64);
    for (const double z : drawn.data<double>()) {
      if (std::abs(z) <= 2 && values.size() < static_cast<std::size_t>(count)) values.push_back(deviation * z);
    }
  }
  return values;
}

double pick(Fans fans, Fan which) {
  switch (which) {
    case Fan::in: return static_cast<double>(fans.in);
    case Fan::out: return static_cast<double>(fans.out);
    case Fan::average: break;
  }
  return (static_cast<double>(fans.in) + static_cast<double>(fans.out)) / 2;
}

}  // namespace

Fans fans_of(const Shape& shape) {
  if (shape.rank() == 0) return {1, 1};
  if (shape.rank() == 1) return {shape[0], shape[0]};
  std::int64_t kernel = 1;
  for (std::size_t axis = 0; axis + 2 < shape.rank(); ++axis) kernel *= shape[axis];
  return {kernel * shape[shape.rank() - 2], kernel * shape.back()};
}

Tensor VarianceScaling::operator()(const Shape& shape, Generator& generator, DType dtype) const {
  if (!(std::isfinite(scale) && scale >= 0)) {
    throw ValueError(fmt::format("variance_scaling: scale is {}; expected a finite number, 0 or more", scale));
  }
  const double variance = scale / std::max(1.0, pick(fans_of(shape), fan));
  if (distribution == Distribution::uniform) {
    return rounded(uniform_values(shape.elements(), std::sqrt(3 * variance), generator), shape, dtype);
  }
  const double deviation = std::sqrt(variance) / truncated_deviation;
  return rounded(truncated_normal_values(shape.elements(), deviation, generator), shape, dtype);
}

Tensor Orthogonal::operator()(const Shape& shape, Generator& generator, DType dtype) const {
  if (!std::isfinite(gain)) throw ValueError(fmt::format("orthogonal: gain is {}; expected a finite number", gain));
  if (shape.rank() < 2) throw ShapeError("orthogonal: needs two axes or more, was given " + to_string(shape));
  const std::int64_t columns = shape.back();
  const std::int64_t rows = columns == 0 ? 0 : shape.elements() / columns;
  const std::int64_t height = std::max(rows, columns);
  const std::int64_t width = std::min(rows, columns);

  // Gram and Schmidt's orthogonalisation of normal vectors, which makes them uniform among the orthonormal ones
  // (Mezzadri, 2007); twice, which is enough to lose no digits (Giraud, Langou and Rozložník, 2005).
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Tensor drawn = normal(Shape{height, width}, 0, 1, generator, DType::f64);
  Matrix q = Eigen::Map<const Matrix>(drawn.data<double>().data(), height, width).transpose();
  for (Eigen::Index i = 0; i < width; ++i) {
    for (int pass = 0; pass < 2; ++pass) {
      for (Eigen::Index j = 0; j < i; ++j) q.row(i) -= q.row(i).dot(q.row(j)) * q.row(j);
    }
    q.row(i).normalize();
  }
  q *= gain;
  if (rows >= columns) q.transposeInPlace();
  return rounded(std::vector<double>(q.data(), q.data() + q.size()), shape, dtype);
}

Tensor Constant::operator()(const Shape& shape, Generator&, DType dtype) const { return full(shape, value, dtype); }

}  // namespace wengert::nn

#pragma once

#include <cstdint>
#include <functional>

#include <wengert/autograd/generator.h>
#include <wengert/autograd/tensor.h>

namespace wengert::nn {

/// Draws the first value of a parameter: a tensor of the shape and floating dtype asked for. Numbers are drawn in f64
/// and rounded to the dtype, so that a model in f32 starts where the same one in f64 does.
using Initializer = std::function<Tensor(const Shape& shape, Generator& generator, DType dtype)>;

/// The numbers of inputs and of outputs that a weight of this shape connects, as Keras counts them: [in, out], or
/// [kernel …, in, out], where the kernel's extents multiply both. A vector counts itself twice.
struct Fans {
  std::int64_t in, out;
};
Fans fans_of(const Shape& shape);

enum class Fan : std::uint8_t { in, out, average };
/// `normal` is cut off at two standard deviations, and scaled so that the variance is kept.
enum class Distribution : std::uint8_t { uniform, normal };

/// Random numbers of mean 0 and variance scale / fan. Throws ValueError for a scale that is negative or not finite.
struct VarianceScaling {
  double scale = 1;
  Fan fan = Fan::in;
  Distribution distribution = Distribution::uniform;

  Tensor operator()(const Shape& shape, Generator& generator, DType dtype = DType::f32) const;
};

/// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (AISTATS 2010).
inline constexpr VarianceScaling glorot_uniform{1, Fan::average, Distribution::uniform};
inline constexpr VarianceScaling glorot_normal{1, Fan::average, Distribution::normal};
/// He, Zhang, Ren and Sun, "Delving Deep into Rectifiers" (ICCV 2015).
inline constexpr VarianceScaling he_uniform{2, Fan::in, Distribution::uniform};
inline constexpr VarianceScaling he_normal{2, Fan::in, Distribution::normal};
/// LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998); right for selu.
inline constexpr VarianceScaling lecun_uniform{1, Fan::in, Distribution::uniform};
inline constexpr VarianceScaling lecun_normal{1, Fan::in, Distribution::normal};

/// gain · Q, Q a random matrix with orthonormal columns (or rows, where there are fewer); all axes but the last count
/// as one. Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
/// networks" (ICLR 2014). Throws ShapeError for fewer than two axes, ValueError for a gain that is not finite.
struct Orthogonal {
  double gain = 1;

  Tensor operator()(const Shape& shape, Generator& generator, DType dtype = DType::f32) const;
};
inline constexpr Orthogonal orthogonal{};

/// One number everywhere.
struct Constant {
  double value = 0;

  Tensor operator()(const Shape& shape, Generator& generator, DType dtype = DType::f32) const;
};
inline constexpr Constant zeros{0};
inline constexpr Constant ones{1};
constexpr Constant constant(double value) { return {value}; }

}  // namespace wengert::nn

#pragma once

#include <cstdint>
#include <optional>

#include <wengert/nn/activation.h>
#include <wengert/nn/module.h>

namespace wengert::nn {

struct DenseOptions {
  Initializer initializer = glorot_uniform;
  Initializer bias_initializer = zeros;
  bool bias = true;
  DType dtype = DType::f32;
};

/// activation(x · W + b): x [batch, …, in] → [batch, …, out], W [in, out], b [out]. Glorot-uniform weights and zero
/// biases unless told otherwise, as in Keras.
///
///     nn::Dense hidden{784, 128, nn::relu};
///     nn::Dense output{128, 10, nn::linear, {.initializer = nn::he_normal, .dtype = DType::f64}};
class Dense : public Module {
 public:
  /// Throws ValueError for extents below 1 and an empty initializer, DTypeError for a dtype that is not floating.
  Dense(std::int64_t inputs, std::int64_t outputs, Activation activation, DenseOptions options);
  Dense(std::int64_t inputs, std::int64_t outputs, Activation activation = {});
  // Compiled once, in the library, and not in every program that has a layer of this kind.
  Dense(const Dense& other);
  Dense(Dense&& other) noexcept;
  Dense& operator=(const Dense& other);
  Dense& operator=(Dense&& other) noexcept;
  ~Dense() override;

  /// Throws ShapeError where the last extent of x is not `inputs`.
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& visitor) override;
  std::optional<Shape> input_shape() const override { return Shape{weight_.shape()[0]}; }

  /// Of the layer as it stands; where it is part of a model, ask after the model was used or listed.
  Parameter weight();
  /// None where the layer was made without.
  std::optional<Parameter> bias();
  const Activation& activation() const { return activation_; }

  /// The same layer with parameters of its own.
  Dense clone() const { return nn::clone(*this); }

 private:
  Initializer initializer_, bias_initializer_;
  Parameter weight_;
  std::optional<Parameter> bias_;
  Activation activation_;
};

}  // namespace wengert::nn

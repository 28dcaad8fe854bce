#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <wengert/autograd/operation.h>
#include <wengert/nn/module.h>

namespace wengert::nn {

/// An operation of one tensor that is applied between layers, with its attributes; a layer itself. By value
/// (`nn::relu`, `nn::leaky_relu(0.3)`), by name (`nn::activation("leaky_relu:0.3")`), or of an operation of your own.
class Activation : public Module {
 public:
  /// The identity, as Keras's "linear".
  Activation() = default;
  /// `operation` must live as long as the process. Throws ValueError for attributes that are unknown or that it
  /// refuses, and for an operation of several tensors.
  explicit Activation(const Operation& operation, const Attributes& attributes = {});
  explicit Activation(const Operation&& operation, const Attributes& attributes = {}) = delete;

  Tensor forward(const Tensor& x) override;
  std::string type_name() const override { return "Activation"; }
  /// As `nn::activation` reads it: "relu", "leaky_relu:0.3" where the slope is not the usual one.
  std::string name() const;

 private:
  const Operation* operation_ = nullptr;
  Attributes attributes_;
};

/// The activation of that name: "linear", or any operation of the catalogue (registered ones included) whose category
/// is activation, with its parameters after a colon where they are not the usual ones: "leaky_relu:0.3". Throws
/// ValueError for a name that is not known, naming those that are, and for parameters that do not fit.
Activation activation(std::string_view name);

/// The names that `activation` knows, sorted.
std::vector<std::string> activation_names();

/// An activation of the catalogue as a constant: looked up when it is used.
class NamedActivation {
 public:
  constexpr explicit NamedActivation(const char* name) : name_(name) {}
  operator Activation() const { return activation(name_); }  // NOLINT(google-explicit-constructor): nn::relu is a value
  Tensor operator()(const Tensor& x) const { return activation(name_)(x); }
  /// With another value of its parameter: `nn::leaky_relu(0.3)`. Throws ValueError where it has none.
  Activation operator()(double parameter) const;

 private:
  const char* name_;
};

// One line for each activation of the catalogue; `activation` knows those defined elsewhere, too.
inline constexpr NamedActivation celu{"celu"};
inline constexpr NamedActivation elu{"elu"};
inline constexpr NamedActivation gelu{"gelu"};
inline constexpr NamedActivation gelu_sigmoid{"gelu_sigmoid"};
inline constexpr NamedActivation gelu_tanh{"gelu_tanh"};
inline constexpr NamedActivation hard_sigmoid{"hard_sigmoid"};
inline constexpr NamedActivation hard_swish{"hard_swish"};
inline constexpr NamedActivation hard_tanh{"hard_tanh"};
inline constexpr NamedActivation leaky_relu{"leaky_relu"};
inline constexpr NamedActivation linear{"linear"};
inline constexpr NamedActivation log_sigmoid{"log_sigmoid"};
inline constexpr NamedActivation log_softmax{"log_softmax"};
inline constexpr NamedActivation mish{"mish"};
inline constexpr NamedActivation relu{"relu"};
inline constexpr NamedActivation selu{"selu"};
inline constexpr NamedActivation sigmoid{"sigmoid"};
inline constexpr NamedActivation silu{"silu"};
inline constexpr NamedActivation softmax{"softmax"};
inline constexpr NamedActivation softplus{"softplus"};
inline constexpr NamedActivation softsign{"softsign"};
inline constexpr NamedActivation tanh{"tanh"};

}  // namespace wengert::nn

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include <wengert/autograd/generator.h>
#include <wengert/autograd/host.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/tensor.h>
#include <wengert/nn/initializers.h>

/// nn: layers and what they are made of, losses and metrics. A module owns child modules and parameters and lists them
/// once, in `visit`; names, initial values, summary, modes and saving all come from that list. Conventions follow
/// Keras.

namespace wengert::nn {

using wengert::Parameter;

class Module;

namespace detail {
class KeptModes;
}

/// What a module shows its parts to, each under the name of the member.
class Visitor {
 public:
  virtual ~Visitor() = default;

  void operator()(std::string_view name, Module& child) { module(name, child); }
  /// A parameter that has an `initializer` is drawn by it; one without keeps the value it was made with.
  void operator()(std::string_view name, Parameter& parameter, const Initializer& initializer = {}) {
    this->parameter(name, parameter, initializer);
  }
  void operator()(std::string_view name, std::optional<Parameter>& parameter, const Initializer& initializer = {}) {
    if (parameter) this->parameter(name, *parameter, initializer);
  }
  /// What is kept from call to call and not trained, such as running statistics.
  void operator()(std::string_view name, Slot& slot) { this->slot(name, slot); }
  /// Random numbers (of a dropout). One that was given no stream, and has drawn nothing when the model is first used,
  /// gets a stream by its path, so that no two layers draw the same.
  void operator()(std::string_view name, Generator& generator) { this->generator(name, generator); }

 private:
  virtual void module(std::string_view name, Module& child) = 0;
  virtual void parameter(std::string_view name, Parameter& parameter, const Initializer& initializer) = 0;
  // Of no interest to most visitors.
  virtual void slot(std::string_view name, Slot& slot);
  virtual void generator(std::string_view name, Generator& generator);
};

/// A layer or a model. One of your own has members, lists them, and says what it computes:
///
///     class Mlp : public nn::Module {
///      public:
///       Tensor forward(const Tensor& x) override { return output(hidden(x)); }
///       void visit(nn::Visitor& v) override { v("hidden", hidden); v("output", output); }
///       nn::Dense hidden{784, 128, nn::relu}, output{128, 10};
///     };
///
/// Modules are values: copies share their parameters and slots (but no generators, each of which goes on by itself),
/// `nn::clone` gives some of its own. So a module holds
/// its children as members or in containers, not by pointers that copies would share. Parts may be added and replaced
/// later. Parameters are named by their path ("hidden.weight") and drawn when the model is first used; their first
/// values are a function of the seed and the path alone; two of one path are a ValueError then. A part of a model is
/// named, drawn and saved by its paths in that model. Models may share parameters: each has paths of its own for them,
/// of which `Parameter::name` is the latest. Threads may call one model together once it was used or listed, unless it
/// assigns slots or draws numbers meanwhile.
///
/// A method of your own that uses parts begins with `build()`, as `operator()` does. Otherwise a model that is first
/// used by it has parts that were drawn as if each stood alone, and those of equal shapes begin with equal values:
///
///     Tensor similarity(const Tensor& a, const Tensor& b) { build(); return sum(left(a) * right(b), {1}); }
class Module {
 public:
  virtual ~Module();

  /// The result for a batch, whose first axis counts the samples. Called through `operator()`.
  virtual Tensor forward(const Tensor& x) = 0;
  /// Shows every child module, parameter, slot and generator, in the order of use. Nothing to show unless overridden.
  virtual void visit(Visitor& visitor);
  /// The class as shown in a summary: "Dense".
  virtual std::string type_name() const;
  /// Shape of one sample, where the module knows it ([784] for a Dense(784, …)); a summary then needs no other.
  virtual std::optional<Shape> input_shape() const;
  /// The dtype in which it takes its inputs, to which fit, evaluate, predict and summary convert them: that of its
  /// first floating parameter, f32 where it has none. A model that begins with a look-up of integers (`take`) says so:
  ///
  ///     DType input_dtype() override { return DType::i32; }
  virtual DType input_dtype();

  Tensor operator()(const Tensor& x);

  /// Every parameter once, in the order of `visit`; and with its path in the model.
  std::vector<Parameter> parameters();
  std::vector<std::pair<std::string, Parameter>> named_parameters();
  /// The same of the slots that it lists, and of the states of the generators: what is saved with the parameters.
  std::vector<std::pair<std::string, Slot>> named_slots();
  std::vector<std::pair<std::string, Slot>> named_generators();

  /// Draws anew every parameter that has an initialiser, and begins every generator, by the seed and its path; slots
  /// stay. Equal seeds and paths give equal bits. Where one throws, nothing was changed.
  void initialize(std::uint64_t seed = 0);

  /// Training or evaluation, for this module and all below: layers that differ (dropout) ask `is_training`.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training_.get(); }

  /// Converts every floating parameter and slot. Copies and optimisers made before keep the old ones. Throws DTypeError
  /// for a dtype of integers.
  void to(DType dtype);

  /// The table that Keras prints: layers, shapes of their results, numbers of parameters. `sample` is the shape of one
  /// sample; without it the shape that the first layer knows is taken, or else shapes are shown as "?". Shapes are
  /// found by passing zeros through the module, in evaluation mode. What is kept in slots is not trainable.
  std::string summary();
  std::string summary(const Shape& sample);

  /// Name of a layer that was given none: "dense", "layer_norm".
  std::string default_name() const;

 protected:
  Module();
  Module(const Module& other);
  Module(Module&& other) noexcept;
  Module& operator=(const Module& other);
  Module& operator=(Module&& other) noexcept;

  /// Names the parameters, draws those that nobody named or assigned before, and gives generators that have none a
  /// stream; does nothing from the second time on.
  /// Methods that use parts, beside `forward`, begin with it.
  void build() {
    if (!built_) build_now();
  }
  /// To be called where children were added.
  void changed() { built_ = false; }

 private:
  friend class detail::KeptModes;
  void build_now();
  void name_and_draw(const std::string& path);
  static void build_part(const std::string& path, Module& part);

  HostFlag training_{true};
  bool built_ = false;
  std::string path_;  // in the model that named it, up to a dot
};

namespace detail {
/// Gives the module parameters and slots of its own with the present values; those that were shared within it stay so.
void separate(Module& module);
/// Throws ValueError where the module is of a class derived from the one that is to be copied.
void require_class(const Module& module, const std::type_info& copied);
}  // namespace detail

/// A copy with parameters and slots of its own; a Slot that `visit` does not list is shared, unless the class's copy
/// constructor clones it. What was not drawn yet the copy draws for itself. Throws ValueError for a module of a class
/// derived from M.
template <typename M>
requires std::is_base_of_v<Module, M> M clone(const M& module) {
  detail::require_class(module, typeid(M));
  M copy = module;
  detail::separate(copy);
  return copy;
}

}  // namespace wengert::nn

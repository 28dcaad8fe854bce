#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <wengert/nn/activation.h>
#include <wengert/nn/module.h>

namespace wengert::nn {

/// A layer with the name it is to have in a Sequential: `nn::named("hidden", nn::Dense{784, 128})`.
template <typename L>
struct Named {
  std::string name;
  L layer;
};
template <typename L>
Named<std::remove_cvref_t<L>> named(std::string name, L&& layer) {
  return {std::move(name), std::forward<L>(layer)};
}

/// What a Sequential can hold: any module that can be copied, and activations as they are written (`nn::relu`).
template <typename L>
concept Layer =
    std::derived_from<std::remove_cvref_t<L>, Module> || std::same_as<std::remove_cvref_t<L>, NamedActivation>;

/// A layer, with a name or without.
template <typename L>
concept LayerEntry = Layer<L> || requires(L entry) {
  requires std::same_as<std::remove_cvref_t<L>, Named<decltype(entry.layer)>>;
  requires Layer<decltype(entry.layer)>;
};

/// Modules applied one after another; a module itself, so they nest. Layers are named by their class, as in Keras
/// ("dense", "dense_1"), where they are given no name. Copies share parameters.
///
///     nn::Sequential model{nn::Flatten{}, nn::Dense{784, 128, nn::relu}, nn::Dense{128, 10, nn::softmax}};
class Sequential : public Module {
 public:
  Sequential() = default;
  /// Of one layer; a lone Sequential is copied or moved as usual.
  template <LayerEntry L>
  requires(!std::derived_from<L, Sequential>) explicit Sequential(L only) { add(std::move(only)); }
  template <LayerEntry First, LayerEntry Second, LayerEntry... Rest>
  Sequential(First&& first, Second&& second, Rest&&... rest) {
    add(std::forward<First>(first));
    add(std::forward<Second>(second));
    (add(std::forward<Rest>(rest)), ...);
  }
  Sequential(const Sequential& other);
  Sequential(Sequential&& other) noexcept;
  Sequential& operator=(const Sequential& other);
  Sequential& operator=(Sequential&& other) noexcept;
  ~Sequential() override;

  /// Appends a layer. Throws ValueError for a name that is taken, empty, or contains a dot, and for a layer of a class
  /// derived from L.
  template <Layer L>
  void add(std::string name, L&& layer) {
    if constexpr (std::same_as<std::remove_cvref_t<L>, NamedActivation>) {
      add(std::move(name), Activation(layer));
    } else {
      append(std::move(name), held(std::forward<L>(layer)), &copy_of<std::remove_cvref_t<L>>);
    }
  }
  template <Layer L>
  void add(L&& layer) {
    if constexpr (std::same_as<std::remove_cvref_t<L>, NamedActivation>) {
      add(Activation(layer));
    } else {
      append(held(std::forward<L>(layer)), &copy_of<std::remove_cvref_t<L>>);
    }
  }
  template <Layer L>
  void add(Named<L> named) {
    add(std::move(named.name), std::move(named.layer));
  }

  std::size_t size() const { return entries_.size(); }
  /// Throw ValueError for a layer that is not there.
  Module& operator[](std::size_t i);
  Module& operator[](std::string_view name);

  Tensor forward(const Tensor& x) override;
  void visit(Visitor& visitor) override;
  /// The integer dtype that the first layer says, apart from those that have no parameters; else as of any module.
  DType input_dtype() override;

  /// The same model with parameters of its own.
  Sequential clone() const { return nn::clone(*this); }

 private:
  using Copy = std::unique_ptr<Module> (*)(const Module&);
  struct Entry {
    std::string name;
    std::unique_ptr<Module> layer;
    Copy copy;
  };

  // As a Module at once: a unique_ptr to every kind of layer would be another class to compile.
  template <typename L>
  static std::unique_ptr<Module> held(L&& layer) {
    using Type = std::remove_cvref_t<L>;
    static_assert(std::is_copy_constructible_v<Type>, "a layer must be copyable, so that the model is");
    detail::require_class(layer, typeid(Type));
    return std::unique_ptr<Module>(new Type(std::forward<L>(layer)));  // NOLINT(modernize-make-unique)
  }
  template <typename Type>
  static std::unique_ptr<Module> copy_of(const Module& layer) {
    return held(static_cast<const Type&>(layer));
  }
  const Entry* find(std::string_view name) const;
  void append(std::string name, std::unique_ptr<Module> layer, Copy copy);
  void append(std::unique_ptr<Module> layer, Copy copy);

  std::vector<Entry> entries_;
};

}  // namespace wengert::nn

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <memory>
#include <typeinfo>

#include <cxxabi.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/internal/call_log.h>
#include <wengert/nn/module.h>

namespace wengert::nn {

namespace {

/// The hash FNV-1a with 64 bits (Fowler, Noll and Vo): tells apart the random numbers of one path from another's, the
/// same on every machine.
std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

void draw(const std::string& path, Parameter& parameter, const Initializer& initializer, std::uint64_t seed) {
  Generator generator(seed, fnv1a(path));
  parameter.assign(initializer(parameter.shape(), generator, parameter.dtype()));
}

}  // namespace

/// Visits all that is below a module, and knows its path.
class PathVisitor : public Visitor {
 protected:
  explicit PathVisitor(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

 private:
  /// Before a child's own are visited.
  virtual void enter(Module& child) = 0;
  virtual void visit(std::string path, Parameter& parameter, const Initializer& initializer) = 0;

  void module(std::string_view name, Module& child) final {
    const std::size_t length = path_.size();
    path_.append(name).push_back('.');
    enter(child);
    child.visit(*this);
    child.built_ = true;  // unless it threw
    path_.resize(length);
  }
  void parameter(std::string_view name, Parameter& parameter, const Initializer& initializer) final {
    visit(path_ + std::string(name), parameter, initializer);
  }

  std::string path_;
};

class NameAndDraw : public PathVisitor {
 public:
  explicit NameAndDraw(std::string path) : PathVisitor(std::move(path)) {}

 private:
  void enter(Module& child) override {
    if (std::find(modules_.begin(), modules_.end(), &child) == modules_.end()) {
      modules_.push_back(&child);
      child.path_ = path();
    }
  }

  void visit(std::string path, Parameter& parameter, const Initializer& initializer) override {
    if (std::find(seen_.begin(), seen_.end(), parameter) != seen_.end()) return;
    if (std::any_of(seen_.begin(), seen_.end(), [&](const Parameter& other) { return other.name() == path; })) {
      throw ValueError("visit: two parameters are called '" + path + "'; give each part a name of its own");
    }
    seen_.push_back(parameter);
    const bool fresh = parameter.name().empty() && !parameter.is_assigned();
    if (fresh && initializer) draw(path, parameter, initializer, 0);  // which may throw
    parameter.set_name(std::move(path));
  }

  std::vector<const Module*> modules_;  // of what is listed twice the first path counts
  std::vector<Parameter> seen_;         // called by their paths
};

/// Calls an action for every parameter, as often as it is listed, with its path. Children that were added to are built.
class EachParameter : public PathVisitor {
 public:
  using Action = std::function<void(const std::string& path, Parameter&, const Initializer&)>;
  static void of(Module& root, Action action) {
    EachParameter visitor(std::move(action), root.path_);
    root.visit(visitor);
  }

 private:
  EachParameter(Action action, std::string path) : PathVisitor(std::move(path)), action_(std::move(action)) {}

  void enter(Module& child) override { child.build(); }
  void visit(std::string path, Parameter& parameter, const Initializer& initializer) override {
    action_(path, parameter, initializer);
  }

  Action action_;
};

class SetMode : public Visitor {
 public:
  explicit SetMode(bool training) : training_(training) {}
  void module(std::string_view, Module& child) override {
    child.training_.set(training_);
    child.visit(*this);
  }

 private:
  void parameter(std::string_view, Parameter&, const Initializer&) override {}
  bool training_;
};

namespace {

/// Puts `make(old)` in the place of every parameter; one that is listed twice is replaced by one.
void replace_parameters(Module& module, const std::function<Parameter(const Parameter&)>& make) {
  std::vector<std::pair<Parameter, Parameter>> made;
  EachParameter::of(module, [&](const std::string&, Parameter& parameter, const Initializer&) {
    auto known = std::find_if(made.begin(), made.end(), [&](const auto& pair) { return pair.first == parameter; });
    if (known == made.end()) known = made.emplace(made.end(), parameter, make(parameter));
    parameter = known->second;
  });
}

}  // namespace

Module::Module() = default;
Module::Module(const Module& other) = default;
Module::Module(Module&& other) noexcept = default;
Module& Module::operator=(const Module& other) = default;
Module& Module::operator=(Module&& other) noexcept = default;
Module::~Module() = default;

void Module::visit(Visitor&) {}

std::optional<Shape> Module::input_shape() const { return std::nullopt; }

std::string Module::type_name() const {
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, nullptr), &std::free);
  std::string name = demangled ? demangled.get() : typeid(*this).name();
  name.resize(std::min(name.size(), name.find('<')));
  const std::size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

std::string Module::default_name() const {
  const std::string type = type_name();
  const auto is = [&](int (*kind)(int), std::size_t i) {
    return i < type.size() && kind(static_cast<unsigned char>(type[i])) != 0;
  };
  std::string name;
  for (std::size_t i = 0; i < type.size(); ++i) {
    const bool begins_word = is(std::isupper, i) && i > 0 && (is(std::islower, i - 1) || is(std::islower, i + 1));
    if (begins_word) name += '_';
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(type[i])));
  }
  return name;
}

Tensor Module::operator()(const Tensor& x) {
  build();
  Tensor y = forward(x);
  if (CallLog* log = CallLog::current()) log->add(*this, y.shape());
  return y;
}

void Module::name_and_draw() {
  const Uncompiled once;  // else a compiled function would draw the same first values at every call
  NameAndDraw visitor(path_);
  visit(visitor);
  built_ = true;
}

std::vector<Parameter> Module::parameters() {
  std::vector<Parameter> parameters;
  for (const auto& [path, parameter] : named_parameters()) parameters.push_back(parameter);
  return parameters;
}

std::vector<std::pair<std::string, Parameter>> Module::named_parameters() {
  build();
  std::vector<std::pair<std::string, Parameter>> named;
  EachParameter::of(*this, [&](const std::string& path, Parameter& parameter, const Initializer&) {
    const auto same = [&](const auto& entry) { return entry.second == parameter; };
    if (std::none_of(named.begin(), named.end(), same)) named.emplace_back(path, parameter);
  });
  return named;
}

DType Module::input_dtype() {
  const std::vector<Parameter> all = parameters();
  const auto floating = std::find_if(all.begin(), all.end(), [](const Parameter& p) { return is_floating(p.dtype()); });
  return floating == all.end() ? DType::f32 : floating->dtype();
}

void Module::initialize(std::uint64_t seed) {
  build();
  std::vector<Parameter> drawn;
  EachParameter::of(*this, [&](const std::string& path, Parameter& parameter, const Initializer& initializer) {
    if (!initializer || std::find(drawn.begin(), drawn.end(), parameter) != drawn.end()) return;
    draw(path, parameter, initializer, seed);
    drawn.push_back(parameter);
  });
}

void Module::train(bool on) { SetMode(on).module({}, *this); }

void Module::to(DType dtype) {
  if (!is_floating(dtype)) throw DTypeError("to: parameters are f32 or f64, not " + std::string(name_of(dtype)));
  build();
  replace_parameters(*this, [&](const Parameter& old) { return Parameter(cast(old.value(), dtype), old.name()); });
}

void detail::separate_parameters(Module& module) {
  module.parameters();  // named and drawn, where that was not done yet
  replace_parameters(module, [](const Parameter& old) { return old.clone(); });
}

}  // namespace wengert::nn

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <typeinfo>

#include <cxxabi.h>
#include <fmt/format.h>

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

/// Throws ShapeError or DTypeError where the parameter cannot have what is drawn.
Tensor draw(const std::string& path, const Parameter& parameter, const Initializer& initializer, std::uint64_t seed) {
  Generator generator(seed, fnv1a(path));
  Tensor value = initializer(parameter.shape(), generator, parameter.dtype());
  if (value.shape() == parameter.shape() && value.dtype() == parameter.dtype()) return value;
  const std::string message =
      fmt::format("initializer: parameter '{}' is {} {}; it was given {} {}", path, name_of(parameter.dtype()),
                  to_string(parameter.shape()), name_of(value.dtype()), to_string(value.shape()));
  if (value.shape() != parameter.shape()) throw ShapeError(message);
  throw DTypeError(message);
}

/// What is listed, each once and with its path.
struct Listed {
  std::vector<std::pair<std::string, Parameter>> parameters;
  std::vector<std::pair<std::string, Slot>> slots, generators;  // of these the states

  /// False for what is listed already. Throws ValueError for a second one of a path.
  template <typename T>
  bool add(std::vector<std::pair<std::string, T>>& list, const std::string& path, const T& one) {
    for (const auto& entry : list) {
      if (entry.second == one) return false;
    }
    const bool of_parameter = has(parameters, path);
    if (of_parameter || has(slots, path) || has(generators, path))
      refuse_second(path, of_parameter && std::is_same_v<T, Parameter>);
    list.emplace_back(path, one);
    return true;
  }

 private:
  template <typename List>
  static bool has(const List& list, const std::string& path) {
    return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return entry.first == path; });
  }
  [[noreturn]] static void refuse_second(const std::string& path, bool are_parameters) {
    throw ValueError(
        std::string(are_parameters ? "visit: two parameters" : "visit: two parameters, slots or generators") +
        " are called '" + path + "'; give each part a name of its own");
  }
};

/// A generator that was given no stream is told apart from those of other paths.
void give_stream(Generator& generator, const std::string& path) {
  if (generator.stream() == 0 && generator.position() == 0) generator = Generator(generator.seed(), fnv1a(path));
}

/// A call of a module on this thread, within others.
class Call {
 public:
  explicit Call(Module& called) : module(called), outer(std::exchange(innermost, this)) {}
  ~Call() { innermost = outer; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  static constinit thread_local const Call* innermost;

  Module& module;
  const Call* const outer;
};
constinit thread_local const Call* Call::innermost = nullptr;

/// Calls a function that outlives it. A std::function would bring code that copies each, for nothing.
template <typename... Arguments>
class Callee {
 public:
  Callee() = default;
  template <typename F>
  Callee(const F& function)  // NOLINT(google-explicit-constructor): functions are given as they are
      : function_(&function),
        call_([](const void* called, Arguments... arguments) { (*static_cast<const F*>(called))(arguments...); }) {}

  void operator()(Arguments... arguments) const {
    if (call_ != nullptr) call_(function_, arguments...);
  }

 private:
  const void* function_ = nullptr;
  void (*call_)(const void*, Arguments...) = nullptr;
};

/// Shows all that is below a module to functions, with its path.
class PathVisitor : public Visitor {
 public:
  /// For every child, before what is in it; the path ends in a dot.
  using Enter = Callee<const std::string&, Module&>;
  /// For every parameter, as often as it is listed.
  using Action = Callee<const std::string&, Parameter&, const Initializer&>;
  /// For every slot; and for the state of every generator, which is null for others.
  using Keep = Callee<const std::string&, Slot&, Generator*>;

  static void visit(Module& root, std::string path, Enter enter, Action action, Keep keep = {}) {
    PathVisitor visitor(std::move(path), enter, action, keep);
    root.visit(visitor);
  }

 private:
  PathVisitor(std::string path, Enter enter, Action action, Keep keep)
      : path_(std::move(path)), enter_(enter), action_(action), keep_(keep) {}

  void module(std::string_view name, Module& child) override {
    const std::size_t length = path_.size();
    path_.append(name).push_back('.');
    enter_(path_, child);
    child.visit(*this);
    path_.resize(length);
  }
  void parameter(std::string_view name, Parameter& parameter, const Initializer& initializer) override {
    action_(path_of(name), parameter, initializer);
  }
  void slot(std::string_view name, Slot& slot) override { keep_(path_of(name), slot, nullptr); }
  void generator(std::string_view name, Generator& generator) override {
    Slot state = generator.state();
    keep_(path_of(name), state, &generator);
  }
  std::string path_of(std::string_view name) const { return std::string(path_).append(name); }

  std::string path_;
  Enter enter_;
  Action action_;
  Keep keep_;
};

/// Things of a model and what takes the place of each.
template <typename T>
class Replacements {
 public:
  /// One that is listed twice is replaced by one.
  template <typename F>
  void replace(T& old, const F& make) {
    const auto known = std::find(old_.begin(), old_.end(), old);
    const auto i = static_cast<std::size_t>(known - old_.begin());
    if (known == old_.end()) {
      old_.push_back(old);
      new_.push_back(make(old));
    }
    old = new_[i];
  }

 private:
  std::vector<T> old_, new_;
};

/// Puts others in the place of every parameter and slot. Every copy of a generator has a state of its own already.
template <typename OfParameter, typename OfSlot>
void replace_all(Module& module, const OfParameter& parameter, const OfSlot& slot) {
  Replacements<Parameter> parameters;
  Replacements<Slot> slots;
  PathVisitor::visit(
      module, {}, {},
      [&](const std::string&, Parameter& old, const Initializer&) { parameters.replace(old, parameter); },
      [&](const std::string&, Slot& old, const Generator* generator) {
        if (generator == nullptr) slots.replace(old, slot);
      });
}

Listed list_all(Module& module, const std::string& path, PathVisitor::Enter enter) {
  Listed listed;
  PathVisitor::visit(
      module, path, enter,
      [&](const std::string& own_path, const Parameter& parameter, const Initializer&) {
        listed.add(listed.parameters, own_path, parameter);
      },
      [&](const std::string& own_path, const Slot& slot, const Generator* generator) {
        listed.add(generator == nullptr ? listed.slots : listed.generators, own_path, slot);
      });
  return listed;
}

}  // namespace

void Visitor::slot(std::string_view, Slot&) {}
void Visitor::generator(std::string_view, Generator&) {}

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
  const Call call(*this);
  Tensor y = forward(x);
  if (CallLog* log = CallLog::current()) log->add(*this, y.shape());
  return y;
}

void Module::build_now() {
  // A part that is new in a model which is being called has its path from there.
  for (const Call* call = Call::innermost; call != nullptr && !built_; call = call->outer)
    PathVisitor::visit(call->module, call->module.path_, &build_part, {});
  if (!built_) name_and_draw(path_);
}

void Module::build_part(const std::string& path, Module& part) {
  if (!part.built_) part.name_and_draw(path);
}

void Module::name_and_draw(const std::string& path) {
  const Uncompiled once;  // else a compiled function would draw the same first values at every call
  path_ = path;
  std::vector<Module*> parts{this};
  const auto enter = [&](const std::string& part_path, Module& part) {
    if (std::find(parts.begin(), parts.end(), &part) != parts.end())
      return;  // of what is listed twice the first counts
    parts.push_back(&part);
    part.path_ = part_path;
  };
  Listed listed;
  const auto draw_one = [&](const std::string& own_path, Parameter& parameter, const Initializer& initializer) {
    if (!listed.add(listed.parameters, own_path, parameter)) return;
    const bool fresh = parameter.name().empty() && !parameter.is_assigned();
    if (fresh && initializer) parameter.assign(draw(own_path, parameter, initializer, 0));
    parameter.set_name(own_path);
  };
  const auto keep_one = [&](const std::string& own_path, const Slot& slot, Generator* generator) {
    listed.add(generator == nullptr ? listed.slots : listed.generators, own_path, slot);
    if (generator != nullptr) give_stream(*generator, own_path);
  };
  PathVisitor::visit(*this, path, enter, draw_one, keep_one);
  for (Module* part : parts) part->built_ = true;  // unless something threw
}

std::vector<Parameter> Module::parameters() {
  std::vector<Parameter> parameters;
  for (const auto& [path, parameter] : named_parameters()) parameters.push_back(parameter);
  return parameters;
}

std::vector<std::pair<std::string, Parameter>> Module::named_parameters() {
  build();
  return list_all(*this, path_, &build_part).parameters;
}

std::vector<std::pair<std::string, Slot>> Module::named_slots() {
  build();
  return list_all(*this, path_, &build_part).slots;
}

std::vector<std::pair<std::string, Slot>> Module::named_generators() {
  build();
  return list_all(*this, path_, &build_part).generators;
}

DType Module::input_dtype() {
  const std::vector<Parameter> all = parameters();
  const auto floating = std::find_if(all.begin(), all.end(), [](const Parameter& p) { return is_floating(p.dtype()); });
  return floating == all.end() ? DType::f32 : floating->dtype();
}

void Module::initialize(std::uint64_t seed) {
  build();
  std::vector<Parameter> drawn;
  std::vector<Tensor> values;  // of all, before the first is changed
  const auto draw_one = [&](const std::string& path, Parameter& parameter, const Initializer& initializer) {
    if (!initializer || std::find(drawn.begin(), drawn.end(), parameter) != drawn.end()) return;
    values.push_back(draw(path, parameter, initializer, seed));
    drawn.push_back(parameter);
  };
  PathVisitor::visit(*this, path_, &build_part, draw_one);
  for (std::size_t i = 0; i < drawn.size(); ++i) drawn[i].assign(values[i]);
  for (auto& [path, state] : list_all(*this, path_, {}).generators)
    state.assign(Generator(seed, fnv1a(path)).state().value());
}

void Module::train(bool on) {
  training_.set(on);
  PathVisitor::visit(*this, {}, [on](const std::string&, Module& part) { part.training_.set(on); }, {});
}

void Module::to(DType dtype) {
  if (!is_floating(dtype)) throw DTypeError("to: parameters are f32 or f64, not " + std::string(name_of(dtype)));
  parameters();  // named and drawn
  const auto parameter = [dtype](const Parameter& old) {
    return is_floating(old.dtype()) ? Parameter(cast(old.value(), dtype), old.name()) : old;
  };
  const auto slot = [dtype](const Slot& old) {
    const Tensor value = old.value();
    return is_floating(value.dtype()) ? Slot(cast(value, dtype)) : old;
  };
  replace_all(*this, parameter, slot);
}

void detail::separate(Module& module) {
  replace_all(
      module, [](const Parameter& old) { return old.clone(); }, [](const Slot& old) { return old.clone(); });
}

void detail::require_class(const Module& module, const std::type_info& copied) {
  if (typeid(module) == copied) return;
  throw ValueError("copy: a " + module.type_name() +
                   " is given as the class that it is derived from, and the copy would be no more than that");
}

}  // namespace wengert::nn

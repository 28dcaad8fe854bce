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

Tensor draw(const std::string& path, const Parameter& parameter, const Initializer& initializer, std::uint64_t seed) {
  Generator generator(seed, fnv1a(path));
  return initializer(parameter.shape(), generator, parameter.dtype());
}

[[noreturn]] void refuse_second(const std::string& path) {
  throw ValueError("visit: two parameters are called '" + path + "'; give each part a name of its own");
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

/// Shows all that is below a module to two functions, with its path.
class PathVisitor : public Visitor {
 public:
  /// For every child, before what is in it; the path ends in a dot.
  using Enter = std::function<void(const std::string& path, Module& child)>;
  /// For every parameter, as often as it is listed.
  using Action = std::function<void(const std::string& path, Parameter&, const Initializer&)>;

  static void visit(Module& root, std::string path, const Enter& enter, const Action& action) {
    PathVisitor visitor(std::move(path), enter, action);
    root.visit(visitor);
  }

 private:
  PathVisitor(std::string path, const Enter& enter, const Action& action)
      : path_(std::move(path)), enter_(enter), action_(action) {}

  void module(std::string_view name, Module& child) override {
    const std::size_t length = path_.size();
    path_.append(name).push_back('.');
    if (enter_) enter_(path_, child);
    child.visit(*this);
    path_.resize(length);
  }
  void parameter(std::string_view name, Parameter& parameter, const Initializer& initializer) override {
    if (action_) action_(std::string(path_).append(name), parameter, initializer);
  }

  std::string path_;
  const Enter& enter_;
  const Action& action_;
};

/// Puts `make(old)` in the place of every parameter; one that is listed twice is replaced by one.
void replace_parameters(Module& module, const std::function<Parameter(const Parameter&)>& make) {
  std::vector<std::pair<Parameter, Parameter>> made;
  PathVisitor::visit(module, {}, {}, [&](const std::string&, Parameter& parameter, const Initializer&) {
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
  const Call call(*this);
  Tensor y = forward(x);
  if (CallLog* log = CallLog::current()) log->add(*this, y.shape());
  return y;
}

void Module::build_now() {
  // A part that is new in a model which is being called has its path from there.
  for (const Call* call = Call::innermost; call != nullptr && !built_; call = call->outer)
    PathVisitor::visit(call->module, call->module.path_, build_part, {});
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
  std::vector<Parameter> seen;  // called by their paths
  const auto name = [&](const std::string& own_path, Parameter& parameter, const Initializer& initializer) {
    if (std::find(seen.begin(), seen.end(), parameter) != seen.end()) return;
    if (std::any_of(seen.begin(), seen.end(), [&](const Parameter& other) { return other.name() == own_path; }))
      refuse_second(own_path);
    seen.push_back(parameter);
    const bool fresh = parameter.name().empty() && !parameter.is_assigned();
    if (fresh && initializer) parameter.assign(draw(own_path, parameter, initializer, 0));
    parameter.set_name(own_path);
  };
  PathVisitor::visit(*this, path, enter, name);
  for (Module* part : parts) part->built_ = true;  // unless something threw
}

std::vector<Parameter> Module::parameters() {
  std::vector<Parameter> parameters;
  for (const auto& [path, parameter] : named_parameters()) parameters.push_back(parameter);
  return parameters;
}

std::vector<std::pair<std::string, Parameter>> Module::named_parameters() {
  build();
  std::vector<std::pair<std::string, Parameter>> named;
  PathVisitor::visit(*this, path_, build_part, [&](const std::string& path, Parameter& parameter, const Initializer&) {
    const auto same = [&](const auto& entry) { return entry.second == parameter; };
    if (std::any_of(named.begin(), named.end(), same)) return;
    if (std::any_of(named.begin(), named.end(), [&](const auto& entry) { return entry.first == path; }))
      refuse_second(path);
    named.emplace_back(path, parameter);
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
  std::vector<Tensor> values;  // of all, before the first is changed
  PathVisitor::visit(*this, path_, build_part,
                     [&](const std::string& path, Parameter& parameter, const Initializer& initializer) {
                       if (!initializer || std::find(drawn.begin(), drawn.end(), parameter) != drawn.end()) return;
                       values.push_back(draw(path, parameter, initializer, seed));
                       parameter.clone().assign(values.back());  // refuses what does not fit
                       drawn.push_back(parameter);
                     });
  for (std::size_t i = 0; i < drawn.size(); ++i) drawn[i].assign(values[i]);
}

void Module::train(bool on) {
  training_.set(on);
  PathVisitor::visit(*this, {}, [on](const std::string&, Module& part) { part.training_.set(on); }, {});
}

void Module::to(DType dtype) {
  if (!is_floating(dtype)) throw DTypeError("to: parameters are f32 or f64, not " + std::string(name_of(dtype)));
  parameters();  // named and drawn
  const auto converted = [dtype](const Parameter& old) {
    return is_floating(old.dtype()) ? Parameter(cast(old.value(), dtype), old.name()) : old;
  };
  replace_parameters(*this, converted);
}

void detail::separate_parameters(Module& module) {
  replace_parameters(module, [](const Parameter& old) { return old.clone(); });
}

void detail::require_class(const Module& module, const std::type_info& copied) {
  if (typeid(module) == copied) return;
  throw ValueError("copy: a " + module.type_name() +
                   " is given as the class that it is derived from, and the copy would be no more than that");
}

}  // namespace wengert::nn

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/text.h>
#include <wengert/training/checkpoint.h>
#include <wengert/training/safetensors.h>

namespace wengert::training {

namespace {

/// The names in one list that are not in the other.
std::vector<std::string> names_beyond(const NamedTensors& list, const NamedTensors& other) {
  std::vector<std::string> names;
  for (const auto& [name, value] : list) {
    const auto same = [&name = name](const auto& entry) { return entry.first == name; };
    if (std::none_of(other.begin(), other.end(), same)) names.push_back(name);
  }
  return names;
}

void require_same_names(const std::string& path, const std::vector<std::string>& missing,
                        const std::vector<std::string>& unknown) {
  std::vector<std::string> complaints;
  if (!missing.empty()) complaints.push_back(fmt::format("it lacks {}", wengert::detail::joined(missing, ", ")));
  if (!unknown.empty())
    complaints.push_back(fmt::format("the model has no {}", wengert::detail::joined(unknown, ", ")));
  if (!complaints.empty()) {
    throw FileError(fmt::format("{}: does not fit the model: {}", path, wengert::detail::joined(complaints, "; ")));
  }
}

/// Throws FileError where a finite number became infinite.
void require_room(const std::string& path, const std::string& name, std::span<const double> wide,
                  std::span<const float> narrow) {
  for (std::size_t i = 0; i < wide.size(); ++i) {
    if (!std::isinf(narrow[i]) || std::isinf(wide[i])) continue;
    throw FileError(fmt::format("{}: {} holds {}, which is infinite in f32, the model's dtype", path, name, wide[i]));
  }
}

Tensor fitted(const std::string& path, const std::string& name, const Tensor& present, const Tensor& tensor) {
  const bool convertible = is_floating(tensor.dtype()) && is_floating(present.dtype());
  if (tensor.shape() != present.shape() || (tensor.dtype() != present.dtype() && !convertible)) {
    throw FileError(fmt::format("{}: {} is {} {}; the model expects {} {}", path, name, name_of(tensor.dtype()),
                                to_string(tensor.shape()), name_of(present.dtype()), to_string(present.shape())));
  }
  if (tensor.dtype() == present.dtype()) return tensor;
  Tensor converted = cast(tensor, present.dtype());
  if (tensor.dtype() == DType::f64) require_room(path, name, tensor.data<double>(), converted.data<float>());
  return converted;
}

/// What is kept of a model: its parameters, its slots, and where its generators stand.
class Kept {
 public:
  explicit Kept(nn::Module& model) : parameters_(model.named_parameters()), slots_(model.named_slots()) {
    for (auto& generator : model.named_generators()) slots_.push_back(std::move(generator));
  }

  NamedTensors values() const {
    NamedTensors values;
    for (const auto& [name, parameter] : parameters_) values.emplace_back(name, parameter.value());
    for (const auto& [name, slot] : slots_) values.emplace_back(name, slot.value());
    return values;
  }
  /// In the same order.
  void assign(const NamedTensors& values) {
    auto next = values.begin();
    for (auto& [name, parameter] : parameters_) parameter.assign((next++)->second);
    for (auto& [name, slot] : slots_) slot.assign((next++)->second);
  }

 private:
  std::vector<std::pair<std::string, Parameter>> parameters_;
  std::vector<std::pair<std::string, Slot>> slots_;
};

}  // namespace

void save_weights(nn::Module& model, const std::string& path) { write_safetensors(path, Kept(model).values()); }

void load_weights(nn::Module& model, const std::string& path) {
  const NamedTensors tensors = read_safetensors(path);
  Kept kept(model);
  NamedTensors values = kept.values();
  require_same_names(path, names_beyond(values, tensors), names_beyond(tensors, values));
  for (auto& [name, value] : values) {
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&name = name](const auto& entry) { return entry.first == name; });
    value = fitted(path, name, value, found->second);
  }
  kept.assign(values);
}

}  // namespace wengert::training

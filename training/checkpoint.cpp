#include <algorithm>
#include <cmath>
#include <span>
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
template <typename A, typename B>
std::vector<std::string> names_beyond(const A& list, const B& other) {
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

Tensor fitted(const std::string& path, const std::string& name, const Parameter& parameter, const Tensor& tensor) {
  const bool convertible = is_floating(tensor.dtype()) && is_floating(parameter.dtype());
  if (tensor.shape() != parameter.shape() || (tensor.dtype() != parameter.dtype() && !convertible)) {
    throw FileError(fmt::format("{}: {} is {} {}; the model expects {} {}", path, name, name_of(tensor.dtype()),
                                to_string(tensor.shape()), name_of(parameter.dtype()), to_string(parameter.shape())));
  }
  if (tensor.dtype() == parameter.dtype()) return tensor;
  Tensor converted = cast(tensor, parameter.dtype());
  if (tensor.dtype() == DType::f64) require_room(path, name, tensor.data<double>(), converted.data<float>());
  return converted;
}

}  // namespace

void save_weights(nn::Module& model, const std::string& path) {
  NamedTensors tensors;
  for (const auto& [name, parameter] : model.named_parameters()) tensors.emplace_back(name, parameter.value());
  write_safetensors(path, tensors);
}

void load_weights(nn::Module& model, const std::string& path) {
  const NamedTensors tensors = read_safetensors(path);
  const auto parameters = model.named_parameters();
  require_same_names(path, names_beyond(parameters, tensors), names_beyond(tensors, parameters));
  std::vector<Tensor> values;
  for (const auto& [name, parameter] : parameters) {
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&name = name](const auto& entry) { return entry.first == name; });
    values.push_back(fitted(path, name, parameter, found->second));
  }
  for (std::size_t i = 0; i < values.size(); ++i) Parameter(parameters[i].second).assign(values[i]);
}

}  // namespace wengert::training

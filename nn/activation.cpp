#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/text.h>
#include <wengert/nn/activation.h>

namespace wengert::nn {

namespace {

constexpr std::string_view identity_name = "linear";

const Operation* find_activation(std::string_view name) {
  const Operation* operation = find_operation(name);
  return operation != nullptr && operation->category == Category::activation ? operation : nullptr;
}

/// Which attributes a parameter in a name can stand for: the numbers.
bool is_number(const Attributes::Entry& entry) {
  return std::holds_alternative<double>(entry.value) || std::holds_alternative<std::int64_t>(entry.value);
}

double number_of(const Attributes::Entry& entry) {
  if (const auto* integer = std::get_if<std::int64_t>(&entry.value)) return static_cast<double>(*integer);
  return std::get<double>(entry.value);
}

void set_number(Attributes::Entry& entry, double value) {
  if (std::holds_alternative<double>(entry.value)) {
    entry.value = value;
  } else {
    entry.value = static_cast<std::int64_t>(value);
  }
}

/// "leaky_relu:SLOPE"
std::string usage(const Operation& operation) {
  std::string result = operation.name;
  char separator = ':';
  for (const Attributes::Entry& entry : operation.attributes) {
    if (!is_number(entry)) continue;
    (result += std::exchange(separator, ',')) += entry.name;
  }
  return result;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

Attributes with_parameters(const Operation& operation, std::string_view name, std::string_view parameters) {
  std::vector<Attributes::Entry> entries = operation.attributes;
  auto entry = entries.begin();
  for (std::size_t begin = 0; begin <= parameters.size();) {
    const std::size_t end = std::min(parameters.size(), parameters.find(',', begin));
    const std::string_view text = parameters.substr(begin, end - begin);
    begin = end + 1;

    entry = std::find_if(entry, entries.end(), is_number);
    if (entry == entries.end()) {
      throw ValueError(
          fmt::format("activation '{}': more parameters than it has; expected {}", name, usage(operation)));
    }
    const std::optional<double> value = parse_number(text);
    const auto is_integer = [](double number) { return number == std::floor(number) && std::abs(number) < 0x1p63; };
    if (!value || (std::holds_alternative<std::int64_t>(entry->value) && !is_integer(*value))) {
      throw ValueError(fmt::format("activation '{}': '{}' is not a number for {}; expected {}, as in {}:{:g}", name,
                                   text, entry->name, usage(operation), operation.name, number_of(*entry)));
    }
    set_number(*entry++, *value);
  }
  return Attributes(entries);
}

}  // namespace

Activation::Activation(const Operation& operation, const Attributes& attributes)
    : operation_(&operation), attributes_(operation.completed(attributes)) {
  if (operation.inputs != 1 || operation.results(attributes_) != 1) {
    throw ValueError(fmt::format("activation: {} is not of one tensor with one result", operation.name));
  }
}

Tensor Activation::forward(const Tensor& x) {
  if (operation_ == nullptr) return x;
  return wengert::detail::with_logits(apply(*operation_, {x}, attributes_), *operation_, x);
}

std::string Activation::name() const {
  if (operation_ == nullptr) return std::string(identity_name);
  std::string numbers;
  bool usual = true;
  for (std::size_t i = 0; i < attributes_.size(); ++i) {
    const Attributes::Entry& entry = attributes_.entries()[i];
    if (!is_number(entry)) continue;
    numbers += fmt::format("{}{}", numbers.empty() ? ':' : ',', number_of(entry));
    usual = usual && entry.value == operation_->attributes[i].value;
  }
  return usual ? operation_->name : operation_->name + numbers;
}

Activation activation(std::string_view name) {
  const std::size_t colon = name.find(':');
  const std::string_view base = name.substr(0, colon);
  const bool has_parameters = colon != std::string_view::npos;
  if (base == identity_name) {
    if (has_parameters) throw ValueError(fmt::format("activation '{}': {} has no parameter", name, identity_name));
    return {};
  }
  const Operation* operation = find_activation(base);
  if (operation == nullptr) {
    throw ValueError(fmt::format("activation '{}' is not known; known: {}", base,
                                 wengert::detail::joined(activation_names(), ", ")));
  }
  if (!has_parameters) return Activation(*operation);
  return Activation(*operation, with_parameters(*operation, name, name.substr(colon + 1)));
}

std::vector<std::string> activation_names() {
  std::vector<std::string> names{std::string(identity_name)};
  for (const Operation* operation : catalogue()) {
    if (operation->category == Category::activation) names.push_back(operation->name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Activation NamedActivation::operator()(double parameter) const {
  return activation(fmt::format("{}:{}", name_, parameter));
}

}  // namespace wengert::nn

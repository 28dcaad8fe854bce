#include <algorithm>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/nn/sequential.h>

namespace wengert::nn {

Sequential::Sequential(const Sequential& other) : Module(other) {
  entries_.reserve(other.entries_.size());
  for (const Entry& entry : other.entries_) entries_.push_back({entry.name, entry.copy(*entry.layer), entry.copy});
}

Sequential::Sequential(Sequential&& other) noexcept = default;
Sequential& Sequential::operator=(const Sequential& other) { return *this = Sequential(other); }
Sequential& Sequential::operator=(Sequential&& other) noexcept = default;
Sequential::~Sequential() = default;

Tensor Sequential::forward(const Tensor& x) {
  build();
  Tensor y = x;
  for (const Entry& entry : entries_) y = (*entry.layer)(y);
  return y;
}

void Sequential::visit(Visitor& visitor) {
  for (const Entry& entry : entries_) visitor(entry.name, *entry.layer);
}

DType Sequential::input_dtype() {
  const DType usual = Module::input_dtype();  // also names the layers by their paths
  for (const Entry& entry : entries_) {
    if (const DType dtype = entry.layer->input_dtype(); !is_floating(dtype)) return dtype;
    if (!entry.layer->parameters().empty()) break;
  }
  return usual;
}

Module& Sequential::operator[](std::size_t i) {
  if (i >= size()) throw ValueError(fmt::format("sequential: layer {} of {}; they are counted from 0", i, size()));
  return *entries_[i].layer;
}

Module& Sequential::operator[](std::string_view name) {
  if (const Entry* entry = find(name)) return *entry->layer;
  std::string known;
  for (const Entry& entry : entries_) known += (known.empty() ? "" : ", ") + entry.name;
  throw ValueError(fmt::format("sequential: no layer '{}'; it has {}", name, known));
}

const Sequential::Entry* Sequential::find(std::string_view name) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

void Sequential::append(std::string name, std::unique_ptr<Module> layer, Copy copy) {
  if (name.empty() || name.find('.') != std::string::npos) {
    throw ValueError(fmt::format("sequential: '{}' cannot name a layer; expected a word without dots", name));
  }
  if (find(name) != nullptr) throw ValueError(fmt::format("sequential: there is a layer '{}' already", name));
  entries_.push_back({std::move(name), std::move(layer), copy});
  changed();
}

void Sequential::append(std::unique_ptr<Module> layer, Copy copy) {
  const std::string base = layer->default_name();
  std::string name = base;
  for (int i = 1; find(name) != nullptr; ++i) name = fmt::format("{}_{}", base, i);
  append(std::move(name), std::move(layer), copy);
}

}  // namespace wengert::nn

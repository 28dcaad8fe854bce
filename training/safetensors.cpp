#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/datasets/internal/file_reader.h>
#include <wengert/training/safetensors.h>
#include <wengert/training/write_file.h>

namespace wengert::training {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

namespace {

using datasets::FileReader;
using nlohmann::json;

constexpr std::uint64_t longest_header = 100'000'000;  // the limit of the format's own implementation
constexpr const char* metadata = "__metadata__";

constexpr std::array<std::pair<std::string_view, DType>, 6> dtypes{{{"F32", DType::f32},
                                                                    {"F64", DType::f64},
                                                                    {"I32", DType::i32},
                                                                    {"I64", DType::i64},
                                                                    {"U8", DType::u8},
                                                                    {"BOOL", DType::boolean}}};

/// A tensor as the header describes it.
struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

/// A name from a file on one line, whatever it holds.
std::string quoted(const std::string& name) { return json(name).dump(-1, ' ', true, json::error_handler_t::replace); }

/// A name as the header holds it.
std::string text_of(const std::string& name) {
  try {
    return json(name).dump();
  } catch (const json::exception&) {
    throw ValueError(fmt::format("write_safetensors: the name {} is not UTF-8", quoted(name)));
  }
}

std::uint64_t read_length(FileReader& file) {
  std::array<std::uint8_t, 8> bytes{};
  file.read(bytes);
  const auto length = std::bit_cast<std::uint64_t>(bytes);
  const std::uint64_t most = std::min(longest_header, file.limit());
  if (length > most) file.fail(fmt::format("its header would be {} bytes long; expected at most {}", length, most));
  return length;
}

json read_header(FileReader& file) {
  std::vector<std::uint8_t> text(read_length(file));
  file.read(text);
  std::set<std::string> names;
  const auto no_name_twice = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth == 1 && event == json::parse_event_t::key && !names.insert(parsed.get<std::string>()).second) {
      file.fail(fmt::format("tensor {} is there twice", quoted(parsed.get<std::string>())));
    }
    return true;
  };
  try {
    json header = json::parse(text, no_name_twice);
    if (header.is_object()) return header;
  } catch (const json::exception&) {
    // said below
  }
  file.fail("its header is no JSON object");
}

/// A list of numbers that are whole and not negative.
std::optional<std::vector<std::uint64_t>> counts(const json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) return std::nullopt;
  const bool good =
      std::all_of(found->begin(), found->end(), [](const json& number) { return number.is_number_unsigned(); });
  return good ? std::optional(found->get<std::vector<std::uint64_t>>()) : std::nullopt;
}

DType read_dtype(const FileReader& file, const std::string& name, const json& entry) {
  const auto found = entry.find("dtype");
  if (found == entry.end() || !found->is_string()) file.fail(fmt::format("tensor {} has no dtype", quoted(name)));
  const auto known = std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& pair) { return pair.first == *found; });
  if (known == dtypes.end()) {
    file.fail(fmt::format("tensor {} is of dtype {}; expected F32, F64, I32, I64, U8 or BOOL", quoted(name),
                          quoted(found->get<std::string>())));
  }
  return known->second;
}

Shape read_shape(const FileReader& file, const std::string& name, const json& entry) {
  const auto extents = counts(entry, "shape");
  if (!extents) file.fail(fmt::format("tensor {} has no shape", quoted(name)));
  try {
    // An extent beyond 2⁶³ − 1 becomes negative here, which is no shape either.
    const std::vector<std::int64_t> values(extents->begin(), extents->end());
    return Shape(values);
  } catch (const ShapeError& error) {
    file.fail(fmt::format("tensor {}: {}", quoted(name), error.what()));
  }
}

Entry read_entry(const FileReader& file, const std::string& name, const json& description) {
  if (!description.is_object()) file.fail(fmt::format("tensor {} is not described by an object", quoted(name)));
  Entry entry{name, read_dtype(file, name, description), read_shape(file, name, description)};
  const auto offsets = counts(description, "data_offsets");
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    file.fail(fmt::format("tensor {} has no data_offsets [begin, end]", quoted(name)));
  }
  entry.begin = (*offsets)[0];
  entry.end = (*offsets)[1];
  const std::uint64_t bytes = entry.end - entry.begin, width = size_of(entry.dtype);
  if (bytes % width != 0 || bytes / width != static_cast<std::uint64_t>(entry.shape.elements())) {
    file.fail(fmt::format("tensor {} of {} {} is given {} bytes", quoted(name), name_of(entry.dtype),
                          to_string(std::span(entry.shape.begin(), entry.shape.end())), bytes));
  }
  return entry;
}

/// The tensors in the order of their elements, which must lie one behind the other and within the file.
std::vector<Entry> read_entries(FileReader& file) {
  const json header = read_header(file);
  std::vector<Entry> entries;
  for (const auto& [name, description] : header.items()) {
    if (name != metadata) entries.push_back(read_entry(file, name, description));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t place = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != place) {
      file.fail(fmt::format("tensor {} begins at {}; expected {}, where the one before ends", quoted(entry.name),
                            entry.begin, place));
    }
    place = entry.end;
  }
  if (place > file.limit()) {
    file.fail(fmt::format("its header speaks of {} bytes of tensors; at most {} are there", place, file.limit()));
  }
  return entries;
}

Tensor read_elements(FileReader& file, const Entry& entry) {
  Tensor tensor = empty(entry.shape, entry.dtype);
  dispatch(entry.dtype, [&](auto type) {
    using T = decltype(type);
    const std::span<T> elements = writable<T>(tensor);
    const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(elements.data()), elements.size_bytes());
    file.read(bytes);
    if (std::is_same_v<T, bool> &&
        std::any_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte > 1; })) {
      file.fail(fmt::format("tensor {} is BOOL but holds other bytes than 0 and 1", quoted(entry.name)));
    }
  });
  return tensor;
}

std::string_view bytes_of(const Tensor& tensor) {
  return dispatch(tensor.dtype(), [&](auto type) {
    const auto elements = tensor.data<decltype(type)>();
    return std::string_view(reinterpret_cast<const char*>(elements.data()), elements.size_bytes());
  });
}

std::string_view name_in_file(DType dtype) {
  return std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& pair) { return pair.second == dtype; })->first;
}

}  // namespace

NamedTensors read_safetensors(const std::string& path) {
  FileReader file(path);
  NamedTensors tensors;
  for (const Entry& entry : read_entries(file)) tensors.emplace_back(entry.name, read_elements(file, entry));
  file.finish();
  return tensors;
}

void write_safetensors(const std::string& path, const NamedTensors& tensors) {
  NamedTensors sorted = tensors;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return size_of(a.second.dtype()) > size_of(b.second.dtype()); });
  std::set<std::string> names;
  std::string text = "{";
  std::vector<std::string_view> parts(2);
  std::uint64_t place = 0;
  for (const auto& [name, tensor] : sorted) {
    if (name == metadata || !names.insert(name).second) {
      throw ValueError(fmt::format("write_safetensors: the name {} is {}", quoted(name),
                                   name == metadata ? "reserved" : "given twice"));
    }
    const std::uint64_t end = place + bytes_of(tensor).size();
    text += fmt::format(R"({}{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", text.size() > 1 ? "," : "",
                        text_of(name), name_in_file(tensor.dtype()),
                        fmt::join(tensor.shape().begin(), tensor.shape().end(), ","), place, end);
    parts.push_back(bytes_of(tensor));
    place = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const auto length = std::bit_cast<std::array<char, 8>>(static_cast<std::uint64_t>(text.size()));
  parts[0] = {length.data(), length.size()};
  parts[1] = text;
  write_file_atomically(path, parts);
}

}  // namespace wengert::training

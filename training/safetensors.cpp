#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/datasets/internal/file_reader.h>
#include <wengert/training/internal/json_text.h>
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

std::uint64_t read_length(FileReader& file) {
  std::array<std::uint8_t, 8> bytes{};
  file.read(bytes);
  const auto length = std::bit_cast<std::uint64_t>(bytes);
  const std::uint64_t most = std::min(longest_header, file.limit());
  if (length > most) file.fail(fmt::format("its header would be {} bytes long; expected at most {}", length, most));
  return length;
}

/// A tensor as the header says it, right or wrong.
struct Description {
  std::string name;
  bool is_object = false;
  std::optional<std::string> dtype = {};
  /// Numbers that are whole and not negative; anything else makes no list.
  std::optional<std::vector<std::uint64_t>> shape = {}, offsets = {};
};

/// Is told the header value by value, as nlohmann's parser meets them, and keeps what describes tensors. The parser's
/// own tree would be as large as the header makes it.
class HeaderReader {
 public:
  explicit HeaderReader(const FileReader& file) : file_(file) {}

  std::vector<Description> take() { return std::move(descriptions_); }

  // The parser's interface; true: go on.
  bool start_object(std::size_t) {
    if (depth_ == 1 && !is_metadata_) descriptions_.back().is_object = true;
    return open();
  }
  bool key(std::string& name) {
    list_ = nullptr;
    if (depth_ == 1) begin(name);
    field_ = depth_ == 2 && !is_metadata_ ? name : "";
    if (field_ == "dtype") descriptions_.back().dtype.reset();
    if (auto* list = named_list()) list->reset();
    return true;
  }
  bool end_object() { return close(); }
  bool start_array(std::size_t) {
    auto* const list = depth_ == 2 ? named_list() : nullptr;
    if (list != nullptr) list->emplace();
    if (list == nullptr) spoil();
    list_ = list;
    return open();
  }
  bool end_array() {
    list_ = nullptr;
    return close();
  }
  bool number_unsigned(std::uint64_t number) {
    if (list_ != nullptr && *list_) (*list_)->push_back(number);
    return true;
  }
  bool string(std::string& text) {
    if (depth_ == 2 && field_ == "dtype") descriptions_.back().dtype = text;
    return spoil();
  }
  bool null() { return spoil(); }
  bool boolean(bool) { return spoil(); }
  bool number_integer(std::int64_t) { return spoil(); }
  bool number_float(double, const std::string&) { return spoil(); }
  bool binary(std::vector<std::uint8_t>&) { return spoil(); }
  static bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

 private:
  void begin(const std::string& name) {
    if (!names_.insert(name).second) file_.fail(fmt::format("tensor {} appears twice", json_string(name)));
    is_metadata_ = name == metadata;
    if (!is_metadata_) descriptions_.push_back({name});
  }
  std::optional<std::vector<std::uint64_t>>* named_list() {
    if (field_ == "shape") return &descriptions_.back().shape;
    return field_ == "data_offsets" ? &descriptions_.back().offsets : nullptr;
  }
  /// What the list in hand holds is no such number.
  bool spoil() {
    if (list_ != nullptr) list_->reset();
    return true;
  }
  bool open() {
    if (list_ != nullptr && depth_ > 2) spoil();
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  const FileReader& file_;
  std::vector<Description> descriptions_;
  std::set<std::string> names_;
  std::size_t depth_ = 0;
  bool is_metadata_ = false;
  std::string field_;                                          // of the tensor in hand
  std::optional<std::vector<std::uint64_t>>* list_ = nullptr;  // that is being read
};

std::vector<Description> read_header(FileReader& file) {
  std::vector<std::uint8_t> bytes(read_length(file));
  file.read(bytes);
  const std::string text(bytes.begin(), bytes.end());
  HeaderReader reader(file);
  // The library passes over a byte order mark, and takes a NUL for the end.
  const bool is_plain = text.starts_with('{') && text.find('\0') == std::string::npos;
  if (!is_plain || !json::sax_parse(text, &reader)) file.fail("its header is no JSON object");
  return reader.take();
}

DType read_dtype(const FileReader& file, const Description& description) {
  const std::string& name = description.name;
  if (!description.dtype) file.fail(fmt::format("tensor {} has no dtype", json_string(name)));
  const auto known =
      std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& pair) { return pair.first == *description.dtype; });
  if (known == dtypes.end()) {
    file.fail(fmt::format("tensor {} is of dtype {}; expected F32, F64, I32, I64, U8 or BOOL", json_string(name),
                          json_string(*description.dtype)));
  }
  return known->second;
}

Shape read_shape(const FileReader& file, const Description& description) {
  if (!description.shape)
    file.fail(fmt::format("tensor {} has no shape: a list of whole numbers, 0 or more", json_string(description.name)));
  try {
    // An extent beyond 2⁶³ − 1 becomes negative here, which is no shape either.
    const std::vector<std::int64_t> values(description.shape->begin(), description.shape->end());
    return Shape(values);
  } catch (const ShapeError& error) {
    file.fail(fmt::format("tensor {}: {}", json_string(description.name), error.what()));
  }
}

Entry read_entry(const FileReader& file, const Description& description) {
  const std::string name = json_string(description.name);
  if (!description.is_object) file.fail(fmt::format("tensor {} is not described by an object", name));
  Entry entry{description.name, read_dtype(file, description), read_shape(file, description)};
  const auto& offsets = description.offsets;
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    file.fail(fmt::format("tensor {} has no data_offsets [begin, end]", name));
  }
  entry.begin = (*offsets)[0];
  entry.end = (*offsets)[1];
  const std::uint64_t bytes = entry.end - entry.begin, width = size_of(entry.dtype);
  if (bytes % width != 0 || bytes / width != static_cast<std::uint64_t>(entry.shape.elements())) {
    file.fail(fmt::format("tensor {} of {} {} is given {} bytes", name, name_of(entry.dtype),
                          to_string(std::span(entry.shape.begin(), entry.shape.end())), bytes));
  }
  return entry;
}

/// The tensors in the order of their elements, which must lie one behind the other and within the file.
std::vector<Entry> read_entries(FileReader& file) {
  std::vector<Entry> entries;
  for (const Description& description : read_header(file)) entries.push_back(read_entry(file, description));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t place = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != place) {
      file.fail(fmt::format("tensor {} begins at {}; expected {}, where the one before ends", json_string(entry.name),
                            entry.begin, place));
    }
    place = entry.end;
  }
  if (place > file.limit()) {
    file.fail(fmt::format("its header declares {} bytes of tensors; at most {} are there", place, file.limit()));
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
      file.fail(fmt::format("tensor {} is BOOL but holds other bytes than 0 and 1", json_string(entry.name)));
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

/// A name as the header holds it.
std::string name_in_header(const std::string& name) {
  if (!is_utf8(name)) throw ValueError(fmt::format("write_safetensors: the name {} is not UTF-8", json_string(name)));
  return json_string(name);
}

}  // namespace

NamedTensors read_safetensors(const std::string& path) {
  FileReader file(path, datasets::Compression::none);
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
      throw ValueError(fmt::format("write_safetensors: the name {} is {}", json_string(name),
                                   name == metadata ? "reserved" : "given twice"));
    }
    const std::uint64_t end = place + bytes_of(tensor).size();
    text += fmt::format(R"({}{}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", text.size() > 1 ? "," : "",
                        name_in_header(name), name_in_file(tensor.dtype()), to_string(tensor.shape()), place, end);
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

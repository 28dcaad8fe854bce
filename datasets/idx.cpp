#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/datasets/idx.h>
#include <wengert/datasets/internal/file_reader.h>

namespace wengert::datasets {

namespace {

/// From the pool, whose large blocks lie on large pages: a shuffled epoch visits them in no order.
using Bytes = kernels::PoolVector<std::uint8_t>;

/// What is allocated at once; beyond it memory grows with the bytes that really came.
constexpr std::uint64_t first_allocation = std::uint64_t{64} << 20;

/// So much memory may take the system longer to find than it takes to fill.
constexpr std::uint64_t worth_a_thread = std::uint64_t{4} << 20;

struct Header {
  DType dtype = DType::u8;
  Shape shape;
};

std::optional<DType> dtype_of_code(std::uint8_t code) {
  switch (code) {
    case 0x08: return DType::u8;
    case 0x0C: return DType::i32;
    case 0x0D: return DType::f32;
    case 0x0E: return DType::f64;
    default: return std::nullopt;
  }
}

std::uint64_t big_endian(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

Header read_header(FileReader& file) {
  std::array<std::uint8_t, 4> magic{};
  file.read(magic);
  const std::optional<DType> dtype = dtype_of_code(magic[2]);
  const std::size_t rank = magic[3];
  if (magic[0] != 0 || magic[1] != 0 || !dtype || rank > max_rank) {
    file.fail(
        fmt::format("begins with 0x{:08x}; expected the IDX magic 0x0000TTRR, TT = 08, 0c, 0d or 0e for u8, i32, f32 "
                    "or f64 and RR = 00 … 08 axes",
                    big_endian(magic)));
  }
  std::vector<std::int64_t> extents;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::array<std::uint8_t, 4> extent{};
    file.read(extent);
    extents.push_back(static_cast<std::int64_t>(big_endian(extent)));
  }
  if (std::find(extents.begin(), extents.end(), 0) == extents.end()) {
    std::uint64_t room = file.limit() / size_of(*dtype);
    for (const std::int64_t extent : extents) room /= static_cast<std::uint64_t>(extent);
    if (room == 0) {
      file.fail(fmt::format("its header declares {} elements of {}; so small a file cannot hold them",
                            to_string(extents), name_of(*dtype)));
    }
  }
  try {
    return {*dtype, Shape(extents)};
  } catch (const ShapeError& error) {
    file.fail(error.what());
  }
}

/// Has another thread populate what has been reserved, until the result is destroyed; nobody where there is no thread.
std::jthread populated(Bytes& bytes) {
  try {
    return std::jthread(kernels::populate, bytes.data(), bytes.capacity());
  } catch (const std::system_error&) {
    return {};
  }
}

Bytes read_elements(FileReader& file, std::uint64_t size) {
  Bytes bytes;
  bytes.reserve(std::min(size, first_allocation));
  const bool stays = size <= first_allocation, is_large = size >= worth_a_thread;
  const std::jthread ahead = stays && is_large ? populated(bytes) : std::jthread();
  while (bytes.size() < size) {
    const std::size_t begin = bytes.size();
    bytes.resize(std::min<std::uint64_t>(size, begin + (std::uint64_t{1} << 20)));
    file.read(std::span(bytes).subspan(begin));
  }
  file.finish();
  return bytes;
}

static_assert(std::endian::native == std::endian::little, "IDX files are big-endian, and turned round");

/// Elements of several bytes, from big-endian to this machine's order.
void to_native(Bytes& bytes, std::size_t width) {
  for (auto element = bytes.begin(); element != bytes.end(); element += static_cast<std::ptrdiff_t>(width)) {
    std::reverse(element, element + static_cast<std::ptrdiff_t>(width));
  }
}

}  // namespace

Tensor read_idx(const std::string& path) {
  FileReader file(path, Compression::gzip);
  const Header header = read_header(file);
  const std::size_t width = size_of(header.dtype);
  const auto bytes =
      std::make_shared<Bytes>(read_elements(file, static_cast<std::uint64_t>(header.shape.elements()) * width));
  if (width > 1) to_native(*bytes, width);
  return Tensor::borrow(bytes->data(), header.dtype, header.shape, bytes);
}

}  // namespace wengert::datasets

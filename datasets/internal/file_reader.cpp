#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

#include <wengert/autograd/error.h>
#include <wengert/datasets/internal/file_reader.h>

namespace wengert::datasets {

namespace {

/// No deflate stream expands further: a match of 258 bytes takes at least two bits (zlib's technical notes).
constexpr std::uint64_t most_expansion = 1032;

const char* meaning_of(int error) {
  switch (error) {
    case ISAL_INVALID_WRAPPER: return "no gzip header";
    case ISAL_UNSUPPORTED_METHOD: return "a compression other than deflate";
    case ISAL_INCORRECT_CHECKSUM: return "its checksum is wrong";
    default: return "no deflate data";
  }
}

}  // namespace

FileReader::FileReader(const std::string& path, Compression compression) : path_(path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) fail("no such file");
  if (error) fail(error.message());
  if (std::filesystem::is_directory(status)) fail("is a directory; expected a file");
  if (!std::filesystem::is_regular_file(status)) fail("is not a regular file");
  file_size_ = std::filesystem::file_size(path, error);
  if (error) fail(error.message());
  if (file_size_ == 0) fail("is empty");

  errno = 0;
  file_.open(path, std::ios::binary);
  if (!file_) fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
  if (compression == Compression::none) return;
  std::array<char, 2> magic{};
  file_.read(magic.data(), magic.size());
  if (file_.gcount() == 2 && magic[0] == '\x1f' && magic[1] == '\x8b') {
    stream_ = std::make_unique<inflate_state>();
    isal_inflate_init(stream_.get());
    stream_->crc_flag = ISAL_GZIP;
  }
  file_.clear();
  file_.seekg(0);
}

FileReader::~FileReader() = default;

void FileReader::read(std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::size_t count = read_some(bytes);
    if (count == 0) fail(fmt::format("ends too soon, after {} bytes{}", given_, stream_ ? " decompressed" : ""));
    bytes = bytes.subspan(count);
  }
}

void FileReader::finish() {
  std::uint8_t one_more = 0;
  if (read_some({&one_more, 1}) != 0) fail(fmt::format("continues past its last element, at byte {}", given_ - 1));
  if (stream_ && has_input()) fail("continues past its compressed data");
}

std::uint64_t FileReader::limit() const {
  if (!stream_) return file_size_ - std::min(given_, file_size_);
  return file_size_ > std::numeric_limits<std::uint64_t>::max() / most_expansion
             ? std::numeric_limits<std::uint64_t>::max()
             : file_size_ * most_expansion;
}

void FileReader::fail(const std::string& what) const { throw FileError(fmt::format("{}: {}", path_, what)); }

std::size_t FileReader::read_some(std::span<std::uint8_t> bytes) {
  std::size_t count = 0;
  if (stream_) {
    count = inflate_some(bytes);
  } else {
    file_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (file_.bad()) fail("cannot be read");
    count = static_cast<std::size_t>(file_.gcount());
  }
  given_ += count;
  return count;
}

/// At least one byte, unless the compressed data are complete.
std::size_t FileReader::inflate_some(std::span<std::uint8_t> bytes) {
  const auto room = static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), 1 << 30));
  stream_->next_out = bytes.data();
  stream_->avail_out = room;
  const auto is_empty_handed = [&] { return stream_->avail_out == room; };
  const auto is_at_end = [&] { return stream_->block_state == ISAL_BLOCK_FINISH; };
  while (is_empty_handed() && (!is_at_end() || begin_member())) {
    const bool has_more = has_input();
    const int result = isal_inflate(stream_.get());
    if (result < 0) fail(fmt::format("is damaged: {}", meaning_of(result)));
    // Without more of the file, the last bytes may still have stood in the stream.
    if (!has_more && is_empty_handed() && !is_at_end()) fail("ends in the middle of its compressed data");
  }
  return room - stream_->avail_out;
}

/// A gzip file is one or more members, one behind the other (RFC 1952, section 2.2); false where no other one begins.
bool FileReader::begin_member() {
  if (!has_input() || *stream_->next_in != 0x1f) return false;
  // ISA-L wants a header in one piece.
  std::copy_n(stream_->next_in, stream_->avail_in, buffer_.data());
  refill_behind(stream_->avail_in);
  isal_inflate_reset(stream_.get());
  return true;
}

bool FileReader::has_input() { return stream_->avail_in != 0 || refill(); }

/// More compressed bytes; false at the end of the file.
bool FileReader::refill() {
  refill_behind(0);
  return stream_->avail_in != 0;
}

void FileReader::refill_behind(std::size_t kept) {
  const std::span<std::uint8_t> room = std::span(buffer_).subspan(kept);
  file_.read(reinterpret_cast<char*>(room.data()), static_cast<std::streamsize>(room.size()));
  if (file_.bad()) fail("cannot be read");
  stream_->next_in = buffer_.data();
  stream_->avail_in = static_cast<std::uint32_t>(kept + static_cast<std::size_t>(file_.gcount()));
}

}  // namespace wengert::datasets

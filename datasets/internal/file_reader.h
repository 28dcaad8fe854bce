#pragma once

#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <span>
#include <string>

struct inflate_state;  // of ISA-L

namespace wengert::datasets {

/// What a file may be compressed with.
enum class Compression : std::uint8_t { none, gzip };

/// Reads a file from beginning to end, decompressing it where it may be and begins as gzip does. Every error is a
/// FileError.
class FileReader {
 public:
  FileReader(const std::string& path, Compression compression);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  /// Fills all of `bytes`, or throws: the file ends too soon.
  void read(std::span<std::uint8_t> bytes);

  /// Throws unless everything was read, to the last byte, and the checksum is right.
  void finish();

  /// The most bytes that `read` can still give, by the size of the file.
  std::uint64_t limit() const;

  /// Throws a FileError that begins with the path.
  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::size_t read_some(std::span<std::uint8_t> bytes);
  std::size_t inflate_some(std::span<std::uint8_t> bytes);
  bool begin_member();
  bool has_input();
  bool refill();
  void refill_behind(std::size_t kept);

  std::string path_;
  std::ifstream file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t given_ = 0;
  std::unique_ptr<inflate_state> stream_;  // of a compressed file
  std::array<std::uint8_t, 65536> buffer_;
};

}  // namespace wengert::datasets

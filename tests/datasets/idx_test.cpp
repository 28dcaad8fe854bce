#include <algorithm>
#include <random>

#include "datasets/test_files.h"
#include "support/count_allocations.h"

#include <wengert/datasets/idx.h>

namespace wengert::datasets {
namespace {

using test::contains;
using test::gzip;
using test::idx;
using test::largest_allocation;

const std::string six = idx(0x08, {2, 3}, "abcdef");

std::string error_of(const std::string& path) {
  return test::file_error(path, [&] { read_idx(path); });
}

TEST(Idx, ReadsPlainAndCompressedFilesAlike) {
  const test::TemporaryDirectory directory;
  for (const std::string& bytes : {six, gzip(six)}) {
    const Tensor tensor = read_idx(directory.write("file", bytes));
    EXPECT_EQ(tensor.dtype(), DType::u8);
    EXPECT_EQ(tensor.shape(), Shape({2, 3}));
    const auto data = tensor.data<std::uint8_t>();
    EXPECT_EQ(std::string(data.begin(), data.end()), "abcdef");
  }
}

TEST(Idx, ReadsWiderElementsInTheirByteOrder) {
  const test::TemporaryDirectory directory;
  const Tensor i32 =
      read_idx(directory.write("i32", idx(0x0C, {2}, std::string("\x00\x00\x01\x02\xff\xff\xff\xfe", 8))));
  EXPECT_EQ(i32.dtype(), DType::i32);
  EXPECT_EQ(i32.data<std::int32_t>()[0], 258);
  EXPECT_EQ(i32.data<std::int32_t>()[1], -2);
  const Tensor f32 = read_idx(directory.write("f32", idx(0x0D, {1}, std::string("\x3f\xc0\x00\x00", 4))));
  EXPECT_EQ(f32.data<float>()[0], 1.5f);
  const Tensor f64 =
      read_idx(directory.write("f64", idx(0x0E, {1, 1}, std::string("\xc0\x04\x00\x00\x00\x00\x00\x00", 8))));
  EXPECT_EQ(f64.shape(), Shape({1, 1}));
  EXPECT_EQ(f64.data<double>()[0], -2.5);
}

TEST(Idx, ReadsScalarsAndEmptyFiles) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(read_idx(directory.write("scalar", idx(0x08, {}, "a"))).item<int>(), 'a');
  EXPECT_EQ(read_idx(directory.write("empty", idx(0x08, {0}, ""))).shape(), Shape({0}));
}

TEST(Idx, ReadsFilesLargerThanItsBuffersWhileAnotherThreadPopulatesTheirMemory) {
  const test::TemporaryDirectory directory;
  std::string elements(std::size_t{5} << 20, '\0');
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<char>(i * i >> 7);
  const std::string bytes = idx(0x08, {5, 1 << 20}, elements);
  for (const std::string& file : {bytes, gzip(bytes)}) {
    const auto data = read_idx(directory.write("large", file)).data<std::uint8_t>();
    EXPECT_TRUE(std::equal(data.begin(), data.end(), elements.begin(), elements.end(),
                           [](std::uint8_t a, char b) { return static_cast<char>(a) == b; }));
  }
}

TEST(Idx, ReadsCompressedFilesOfSeveralMembers) {
  const test::TemporaryDirectory directory;
  const std::string bytes = idx(0x08, {200'000}, std::string(200'000, 'x'));
  for (const std::size_t cut : {0UL, 1UL, 4UL, 9UL, 100UL, 65'536UL, bytes.size()}) {
    const std::string members = gzip(bytes.substr(0, cut)) + gzip("") + gzip(bytes.substr(cut));
    EXPECT_EQ(read_idx(directory.write("members", members)).size(), 200'000) << cut;
  }
  const std::string members = gzip(six.substr(0, 10)) + gzip(six.substr(10));
  for (std::size_t size = 1; size < members.size(); ++size)
    EXPECT_THROW(read_idx(directory.write("cut", members.substr(0, size))), FileError) << size;
}

TEST(Idx, ReadsAMemberWhoseHeaderLiesAnywhereInWhatIsReadAtATime) {
  const test::TemporaryDirectory directory;
  std::mt19937 random(1);
  std::string noise(66'000, '\0');  // which cannot be compressed: the first member is as long
  std::generate(noise.begin(), noise.end(), [&] { return static_cast<char>(random()); });
  const std::string bytes = idx(0x08, {66'000}, noise);
  for (std::size_t cut = 65'480; cut < 65'530; ++cut) {
    const std::string members = gzip(bytes.substr(0, cut)) + gzip(bytes.substr(cut), true);
    EXPECT_EQ(read_idx(directory.write("members", members)).size(), 66'000) << cut;
  }
}

TEST(Idx, NamesAFileThatIsMissing) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(error_of(directory / "none"), ": no such file");
  EXPECT_EQ(error_of(directory.write("file", six) + "/below"), ": no such file");
}

TEST(Idx, NamesADirectoryInThePlaceOfAFile) {
  const test::TemporaryDirectory directory;
  EXPECT_TRUE(contains(error_of(directory.path()), "is a directory"));
}

TEST(Idx, NamesWhatIsNoRegularFile) { EXPECT_TRUE(contains(error_of("/dev/null"), "not a regular file")); }

TEST(Idx, NamesAFileThatIsEmpty) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(error_of(directory.write("empty", "")), ": is empty");
}

TEST(Idx, SaysWhichMagicItExpected) {
  const test::TemporaryDirectory directory;
  for (const std::string& magic :
       {std::string("\x00\x00\x09\x01", 4), std::string("\x01\x00\x08\x01", 4), std::string("\x00\x01\x08\x01", 4),
        std::string("\x00\x00\x08\x09", 4), std::string("PK\x03\x04")}) {
    const std::string bytes = magic + std::string(60, '\0');
    EXPECT_TRUE(contains(error_of(directory.write("plain", bytes)), "expected the IDX magic"));
    EXPECT_TRUE(contains(error_of(directory.write("compressed", gzip(bytes))), "expected the IDX magic"));
  }
}

TEST(Idx, NamesAFileThatIsCutAnywhere) {
  const test::TemporaryDirectory directory;
  for (const std::string& bytes : {six, gzip(six)}) {
    for (std::size_t length = 1; length < bytes.size(); ++length) {
      SCOPED_TRACE(length);
      EXPECT_FALSE(error_of(directory.write("cut", bytes.substr(0, length))).empty());
    }
  }
}

TEST(Idx, NamesAFileThatGoesOn) {
  const test::TemporaryDirectory directory;
  EXPECT_TRUE(contains(error_of(directory.write("plain", six + 'g')), "continues past its last element, at byte 18"));
  EXPECT_TRUE(
      contains(error_of(directory.write("inside", gzip(six + 'g'))), "continues past its last element, at byte 18"));
  EXPECT_TRUE(contains(error_of(directory.write("behind", gzip(six) + 'g')), "continues past its compressed data"));
  EXPECT_TRUE(contains(error_of(directory.write("twice", gzip(six) + gzip(six))),
                       "continues past its last element, at byte 18"));
}

TEST(Idx, NamesACompressedFileWithAnyBrokenByte) {
  const test::TemporaryDirectory directory;
  const std::string bytes = gzip(six);
  constexpr std::size_t gzip_header = 10;  // its time and origin may be anything
  for (std::size_t place = gzip_header; place < bytes.size(); ++place) {
    SCOPED_TRACE(place);
    std::string broken = bytes;
    broken[place] = static_cast<char>(broken[place] ^ 0x10);
    EXPECT_FALSE(error_of(directory.write("broken", broken)).empty());
  }
}

TEST(Idx, NamesAWrongChecksum) {
  const test::TemporaryDirectory directory;
  std::string bytes = gzip(six);
  bytes[bytes.size() - 8] = static_cast<char>(bytes[bytes.size() - 8] + 1);
  EXPECT_TRUE(contains(error_of(directory.write("crc", bytes)), "its checksum is wrong"));
}

TEST(Idx, AllocatesNothingForAHeaderThatTheFileCannotHold) {
  const test::TemporaryDirectory directory;
  const std::uint32_t most = 0xffffffff;
  for (const std::vector<std::uint32_t>& extents : std::vector<std::vector<std::uint32_t>>{
           {most}, {most, most}, {most, most, most, most, most}, {1000000, 28, 28}, {0, most, most, most}, {200000}}) {
    for (const char code : {'\x08', '\x0e'}) {
      const std::string bytes = idx(code, extents, std::string(100, 'x'));
      for (const std::string& file : {bytes, gzip(bytes)}) {
        const std::string path = directory.write("huge", file);
        largest_allocation = 0;
        EXPECT_FALSE(error_of(path).empty());
        EXPECT_LT(largest_allocation, std::size_t{1} << 20);
        EXPECT_GT(largest_allocation, 0U);
      }
    }
  }
}

TEST(Idx, GrowsOnlyWithWhatACompressedFileReallyHolds) {
  const test::TemporaryDirectory directory;
  // Zeros compress a thousandfold, so the size of the file alone does not give away that 400 MB are announced and 4 are
  // there.
  const std::string path =
      directory.write("bomb", gzip(idx(0x08, {400'000'000}, std::string(4'000'000, '\0'))) + std::string(500'000, 'x'));
  largest_allocation = 0;
  EXPECT_TRUE(contains(error_of(path), "ends too soon, after 4000008 bytes"));
  EXPECT_LT(largest_allocation, std::size_t{100} << 20);
}

}  // namespace
}  // namespace wengert::datasets

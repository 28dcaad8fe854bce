#include <cstring>
#include <random>

#include "datasets/test_files.h"

#include <wengert/training/safetensors.h>

namespace wengert::training {
namespace {

using test::contains;

std::string with_header(const std::string& header, const std::string& elements = {}) {
  std::string length(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(length.data(), &size, 8);
  return length + header + elements;
}

const std::string two_tensors = with_header(
    R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]},"b":{"dtype":"I32","shape":[],"data_offsets":[0,4]}})",
    std::string("\x05\0\0\0xy", 6));

class Safetensors : public testing::Test {
 protected:
  std::string error_of(const std::string& bytes) const {
    const std::string path = directory.write("file", bytes);
    return test::file_error(path, [&] { read_safetensors(path); });
  }
  const test::TemporaryDirectory directory;
};

template <typename T>
void expect_equal(const Tensor& a, const Tensor& b) {
  EXPECT_TRUE(std::ranges::equal(a.data<T>(), b.data<T>()));
}

TEST_F(Safetensors, AreReadInTheOrderOfTheirElements) {
  const NamedTensors tensors = read_safetensors(directory.write("file", two_tensors));
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].first, "b");
  EXPECT_EQ(tensors[0].second.item<int>(), 5);
  EXPECT_EQ(tensors[0].second.shape(), Shape{});
  EXPECT_EQ(tensors[1].first, "a");
  EXPECT_EQ(tensors[1].second.data<std::uint8_t>()[1], 'y');
}

TEST_F(Safetensors, ComeBackAsTheyWereWritten) {
  const NamedTensors tensors{{"u8", Tensor(std::vector<std::uint8_t>{1, 2, 255})},
                             {"truth", Tensor({true, false})},
                             {"f32", Tensor({1.5f, -0.0f}, {2, 1})},
                             {"i32", Tensor({1, -2, 3})},
                             {"empty", Tensor(std::vector<float>{}, {0, 3})},
                             {"f64 \"ü\"\n", Tensor({0.1, 1e300})},
                             {"i64", Tensor(std::int64_t{-5})}};
  const std::string path = directory / "file";
  write_safetensors(path, tensors);
  const NamedTensors read = read_safetensors(path);
  ASSERT_EQ(read.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const auto found =
        std::find_if(read.begin(), read.end(), [&name = name](const auto& entry) { return entry.first == name; });
    ASSERT_NE(found, read.end()) << name;
    EXPECT_EQ(found->second.shape(), tensor.shape());
    ASSERT_EQ(found->second.dtype(), tensor.dtype());
    dispatch(tensor.dtype(), [&, &tensor = tensor](auto type) { expect_equal<decltype(type)>(found->second, tensor); });
  }
}

TEST_F(Safetensors, AreWrittenSoThatEveryTensorIsAligned) {
  const std::string path = directory / "file";
  write_safetensors(path, {{"a", Tensor(std::vector<std::uint8_t>{1})}, {"b", Tensor(2.0)}, {"c", Tensor(1.0f)}});
  const std::string bytes = test::read_file(path);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0U);
  EXPECT_EQ(read_safetensors(path)[0].first, "b");
  EXPECT_TRUE(contains(bytes, R"("c":{"dtype":"F32","shape":[],"data_offsets":[8,12]})")) << bytes;
}

TEST_F(Safetensors, MayBeNone) {
  const std::string path = directory / "file";
  write_safetensors(path, {});
  EXPECT_TRUE(read_safetensors(path).empty());
}

TEST_F(Safetensors, MayCarryMetadata) {
  EXPECT_TRUE(read_safetensors(directory.write("file", with_header(R"({"__metadata__":{"format":"pt"}}   )"))).empty());
}

TEST_F(Safetensors, AreNamedOnceAndNotAsTheMetadata) {
  const Tensor one(1.0);
  EXPECT_THROW(write_safetensors(directory / "file", {{"a", one}, {"a", one}}), ValueError);
  EXPECT_THROW(write_safetensors(directory / "file", {{"__metadata__", one}}), ValueError);
  EXPECT_THROW(write_safetensors(directory / "file", {{"\xff", one}}), ValueError) << "no reader would take it";
  EXPECT_TRUE(directory.names().empty());
}

TEST_F(Safetensors, AreRefusedWhenTheFileIsCutAnywhere) {
  for (std::size_t length = 0; length < two_tensors.size(); ++length) {
    SCOPED_TRACE(length);
    EXPECT_FALSE(error_of(two_tensors.substr(0, length)).empty());
  }
}

TEST_F(Safetensors, AreRefusedWhenTheFileGoesOn) {
  EXPECT_TRUE(contains(error_of(two_tensors + 'z'), "continues past its last element"));
}

TEST_F(Safetensors, SurviveAnyBrokenByteOfTheHeader) {
  // Some changes are harmless (another name), the others must be told; none may crash.
  int told = 0;
  for (std::size_t place = 0; place < two_tensors.size() - 6; ++place) {
    for (const int change : {0x01, 0x10, 0x80, 0xff}) {
      std::string broken = two_tensors;
      broken[place] = static_cast<char>(broken[place] ^ change);
      const std::string path = directory.write("file", broken);
      try {
        EXPECT_LE(read_safetensors(path).size(), 2U);
      } catch (const FileError& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        ++told;
      }
    }
  }
  EXPECT_GT(told, 300);
}

TEST_F(Safetensors, SurviveRandomHeaders) {
  std::mt19937 random(7);
  const std::string alphabet = R"({}[]",:0123456789-.eE abdtypeshapdaa_ofets\)";
  for (int i = 0; i < 2000; ++i) {
    std::string header = "{";
    for (std::size_t length = random() % 60; length > 0; --length) header += alphabet[random() % alphabet.size()];
    try {
      read_safetensors(directory.write("file", with_header(header, "elements")));
      ADD_FAILURE() << "took " << header;
    } catch (const FileError&) {
    }
  }
}

struct Damage {
  const char* header;
  const char* complaint;
};

TEST_F(Safetensors, SayWhatIsWrongWithTheHeader) {
  const std::string eight(8, 'x');
  for (
      const auto& [header, complaint] : std::vector<Damage>{
          {"", "no JSON object"},
          {"[]", "no JSON object"},
          {"\xEF\xBB\xBF{}", "no JSON object"},
          {"{\"a\":", "no JSON object"},
          {R"({"a":7})", "tensor \"a\" is not described by an object"},
          {R"({"a":{"shape":[8],"data_offsets":[0,8]}})", "tensor \"a\" has no dtype"},
          {R"({"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}})", "is of dtype \"BF16\"; expected F32"},
          {R"({"a":{"dtype":"U8","data_offsets":[0,8]}})", "has no shape: a list of whole numbers"},
          {R"({"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}})", "has no shape: a list of whole numbers"},
          {R"({"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}})", "has no shape: a list of whole numbers"},
          {R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,8]}})", "negative extent"},
          {R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", "more elements than"},
          {R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,8],"data_offsets":[0,8]}})", "tensor \"a\": "},
          {R"({"a":{"dtype":"U8","shape":[8]}})", "no data_offsets"},
          {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}})", "no data_offsets"},
          {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})", "no data_offsets"},
          {R"({"a":{"dtype":"F32","shape":[8],"data_offsets":[0,8]}})", "of f32 [8] is given 8 bytes"},
          {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}})", "is given 9 bytes"},
          {R"({"a":{"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]}})", "is given 8 bytes"},
          {R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})",
           "declares 9 bytes of tensors; at most 8 are there"},
          {R"({"a":{"dtype":"U8","shape":[1000000000000],"data_offsets":[0,1000000000000]}})", "at most 8 are there"},
          {R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}})", "continues past"},
          {R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}})", "begins at 1; expected 0"},
          {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}})",
           "tensor \"b\" begins at 3; expected 5"},
          {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
           "tensor \"a\" appears twice"},
          {R"({"line\nbreak":7})", R"(tensor "line\nbreak" is not)"},
          {R"({"a":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}})", "other bytes than 0 and 1"}}) {
    const std::string error = error_of(with_header(header, eight));
    EXPECT_TRUE(contains(error, complaint)) << header << "\n" << error;
  }
}

TEST_F(Safetensors, HaveNothingBehindTheHeadersObject) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})";
  const std::string behind = header + '\0' + " garbage";
  EXPECT_TRUE(contains(error_of(with_header(behind, "elements")), "no JSON object"));
}

// Such a file begins as gzip does.
TEST_F(Safetensors, MayHaveAHeaderOfAnyLength) {
  std::string header = R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})";
  header.resize(0x8b1f, ' ');
  EXPECT_EQ(read_safetensors(directory.write("file", with_header(header, "elements"))).size(), 1U);
}

TEST_F(Safetensors, AskForNoMemoryThatTheFileCannotFill) {
  std::string bytes = two_tensors;
  for (const char length : {'\x7f', '\xff'}) {
    std::fill_n(bytes.begin(), 8, length);
    EXPECT_TRUE(contains(error_of(bytes), "bytes long; expected at most " + std::to_string(bytes.size() - 8)));
  }
}

TEST_F(Safetensors, AreNamedWhenMissing) {
  EXPECT_EQ(test::file_error(directory / "none", [&] { read_safetensors(directory / "none"); }), ": no such file");
}

}  // namespace
}  // namespace wengert::training

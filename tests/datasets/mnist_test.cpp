#include <numeric>

#include "datasets/test_files.h"

#include <wengert/datasets/mnist.h>

namespace wengert::datasets {
namespace {

using test::contains;
using test::Environment;
using test::gzip;
using test::images;
using test::labels;

/// A small data set of the format: twelve and five samples; half of the files compressed.
class MnistFiles : public testing::Test {
 protected:
  MnistFiles() { fill(directory); }

  static void fill(const test::TemporaryDirectory& where) {
    where.write("train-images-idx3-ubyte", images(12));
    where.write("train-labels-idx1-ubyte.gz", gzip(labels(12)));
    where.write("t10k-images-idx3-ubyte.gz", gzip(images(5)));
    where.write("t10k-labels-idx1-ubyte", labels(5));
  }
  std::string error_with(const std::string& name, const std::string& bytes) const {
    const std::string path = directory.write(name, bytes);
    return test::file_error(path, [&] { fashion_mnist(directory.path()); });
  }

  const test::TemporaryDirectory directory;
  const Environment data{"WENGERT_DATA", std::nullopt};
  const Environment home{"XDG_DATA_HOME", "/nonexistent-home"};
  const Environment shared{"XDG_DATA_DIRS", "/nonexistent-a:relative:/nonexistent-b"};
};

TEST_F(MnistFiles, KeepTheirBytesAndTheirScale) {
  for (const TrainAndTest& both : {fashion_mnist(directory.path()), mnist(directory.path())}) {
    EXPECT_EQ(both.train.size(), 12);
    EXPECT_EQ(both.train.images.shape(), Shape({12, 28, 28}));
    EXPECT_EQ(both.train.images.dtype(), DType::u8);
    EXPECT_EQ(both.train.images.data<std::uint8_t>()[300], 300 % 251);
    EXPECT_EQ(both.train.labels.shape(), Shape({12}));
    EXPECT_EQ(both.train.labels.data<std::uint8_t>()[11], 1);
    EXPECT_EQ(both.train.scale, 1.0 / 255);
    EXPECT_EQ(both.test.size(), 5);
  }
}

TEST_F(MnistFiles, AreFoundInTheNamedDirectoryBeforeAllOthers) {
  const test::TemporaryDirectory empty;
  const Environment named{"WENGERT_DATA", empty.path()};
  EXPECT_EQ(fashion_mnist(directory.path()).train.size(), 12);
}

TEST_F(MnistFiles, AreFoundInTheirOwnPartsOfTheDirectoryOfTheEnvironment) {
  const test::TemporaryDirectory base, digits;
  fill(digits);
  digits.write("t10k-images-idx3-ubyte.gz", gzip(images(3)));
  digits.write("t10k-labels-idx1-ubyte", labels(3));
  std::filesystem::create_symlink(directory.path(), base / "fashion-mnist");
  std::filesystem::create_symlink(digits.path(), base / "mnist");
  const Environment named{"WENGERT_DATA", base.path()};
  EXPECT_EQ(fashion_mnist().test.size(), 5);
  EXPECT_EQ(mnist().test.size(), 3);
}

// The files of both sets have the same names.
TEST_F(MnistFiles, LyingInTheDirectoryOfTheEnvironmentItselfAreOfFashionMnist) {
  const Environment named{"WENGERT_DATA", directory.path()};
  EXPECT_EQ(fashion_mnist().train.size(), 12);
  const std::string error = test::file_error(directory / "mnist: no MNIST there", [] { mnist(); });
  EXPECT_TRUE(contains(error, "get it, and name no directory, by: wget")) << error;
}

TEST_F(MnistFiles, AreFoundInTheDataDirectoriesInTheirOrder) {
  const test::TemporaryDirectory base;
  std::filesystem::create_directories(base / "datasets");
  std::filesystem::create_symlink(directory.path(), base / "datasets/fashion-mnist");
  {
    const Environment personal{"XDG_DATA_HOME", base.path()};
    EXPECT_EQ(fashion_mnist().train.size(), 12);
    EXPECT_THROW(mnist(), FileError);
  }
  {
    const Environment dirs{"XDG_DATA_DIRS", "/nonexistent:" + base.path()};
    EXPECT_EQ(fashion_mnist().train.size(), 12);
  }
  EXPECT_THROW(fashion_mnist(), FileError);
}

TEST_F(MnistFiles, AreLookedForOnlyInADirectoryThatWasNamed) {
  const test::TemporaryDirectory empty;
  const Environment named{"WENGERT_DATA", directory.path()};
  const std::string error = test::file_error(empty.path(), [&] { fashion_mnist(empty.path()); });
  EXPECT_TRUE(contains(error, "sudo apt-get install dataset-fashion-mnist")) << error;
}

TEST_F(MnistFiles, ThatAreNowhereAreNamedWithAllPlacesAndTheCommandThatHelps) {
  const std::string error = test::file_error(
      "/nonexistent-home/datasets/fashion-mnist, /nonexistent-a/datasets/fashion-mnist, "
      "/nonexistent-b/datasets/fashion-mnist: ",
      [] { fashion_mnist(); });
  EXPECT_TRUE(contains(error, "get it by: sudo apt-get install dataset-fashion-mnist")) << error;
  const std::string digits = test::file_error("/nonexistent-home/datasets/mnist", [] { mnist(); });
  EXPECT_TRUE(contains(digits, "wget -P")) << digits;
}

TEST_F(MnistFiles, AreAllNeeded) {
  std::filesystem::remove(directory / "t10k-labels-idx1-ubyte");
  const std::string error =
      test::file_error(directory / "t10k-labels-idx1-ubyte", [&] { fashion_mnist(directory.path()); });
  EXPECT_EQ(error, ": no such file, nor t10k-labels-idx1-ubyte.gz");
}

TEST_F(MnistFiles, MustHoldImagesOf28By28) {
  EXPECT_TRUE(contains(error_with("train-images-idx3-ubyte", images(12, 27)),
                       "u8 [12, 27, 27]; expected images, u8 [n, 28, 28]"));
}

TEST_F(MnistFiles, MustHoldImagesWhereImagesAreExpectedAndLabelsWhereLabels) {
  EXPECT_TRUE(contains(error_with("train-images-idx3-ubyte", labels(12)), "u8 [12]; expected images"));
  directory.write("train-images-idx3-ubyte", images(12));
  EXPECT_TRUE(contains(error_with("t10k-labels-idx1-ubyte", images(5)), "u8 [5, 28, 28]; expected labels"));
}

TEST_F(MnistFiles, MustHoldSamples) {
  EXPECT_TRUE(contains(error_with("train-images-idx3-ubyte", images(0)), "expected images"));
}

TEST_F(MnistFiles, MustHoldLabelsFrom0To9) {
  std::string bytes = labels(5);
  bytes.back() = 10;
  EXPECT_EQ(error_with("t10k-labels-idx1-ubyte", bytes), ": label 10 of sample 4; expected 0 … 9");
}

TEST_F(MnistFiles, MustHoldAsManyLabelsAsImages) {
  EXPECT_TRUE(
      contains(error_with("t10k-labels-idx1-ubyte", labels(4)), "4 labels for the 5 images of " + directory.path()));
}

TEST_F(MnistFiles, AreRefusedWhenTheyAreDamaged) {
  EXPECT_TRUE(contains(error_with("train-images-idx3-ubyte", ""), "is empty"));
  EXPECT_TRUE(contains(error_with("train-images-idx3-ubyte", images(12).substr(0, 5000)), "cannot hold"));
  EXPECT_TRUE(contains(error_with("train-images-idx3-ubyte", images(12) + '\0'), "continues past"));
  directory.write("train-images-idx3-ubyte", images(12));
  std::string crc = gzip(labels(12));
  crc[crc.size() - 5] = static_cast<char>(crc[crc.size() - 5] ^ 1);
  EXPECT_TRUE(contains(error_with("train-labels-idx1-ubyte.gz", crc), "its checksum is wrong"));
  std::filesystem::remove(directory / "train-labels-idx1-ubyte.gz");
  std::filesystem::create_directory(directory / "train-labels-idx1-ubyte");
  const std::string error =
      test::file_error(directory / "train-labels-idx1-ubyte", [&] { fashion_mnist(directory.path()); });
  EXPECT_TRUE(contains(error, "is a directory"));
}

TEST(FashionMnist, IsWhatItsAuthorsPublished) {
  TrainAndTest data;
  try {
    data = fashion_mnist();
  } catch (const FileError& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_EQ(data.train.images.shape(), Shape({60000, 28, 28}));
  EXPECT_EQ(data.test.images.shape(), Shape({10000, 28, 28}));
  for (const Dataset& part : {data.train, data.test}) {
    std::vector<int> counts(10);
    for (const std::uint8_t label : part.labels.data<std::uint8_t>()) ++counts[label];
    EXPECT_EQ(counts, std::vector<int>(10, static_cast<int>(part.size() / 10)));
  }
  // The mean pixel that its users normalise by: 0.2860.
  const auto pixels = data.train.images.data<std::uint8_t>();
  const double sum = std::accumulate(pixels.begin(), pixels.end(), 0.0);
  EXPECT_NEAR(sum / 255 / static_cast<double>(pixels.size()), 0.2860, 5e-5);
}

}  // namespace
}  // namespace wengert::datasets

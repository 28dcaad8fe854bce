#include <csignal>

#include "examples/comparison.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <wengert/training/safetensors.h>

namespace wengert::test {
namespace {

/// What every refusal has in common: its status, one line of error, nothing in the way of results.
class ComparisonRefuses : public Comparison {
 protected:
  void expect_refusal(const Finished& finished, int status, const std::string& complaint) const {
    EXPECT_EQ(finished.status, status);
    EXPECT_EQ(lines_of(finished.errors).size(), 1U) << finished.errors;
    EXPECT_EQ(finished.errors.substr(0, 7), "error: ");
    EXPECT_TRUE(contains(finished.errors, complaint)) << finished.errors << "does not say: " << complaint;
    EXPECT_TRUE(listing(out()).empty());
  }
};

TEST_F(ComparisonRefuses, ACommandLineThatMakesNoSense) {
  struct Case {
    Arguments arguments;
    std::string complaint;
  };
  const std::string whole = "expected a whole number from ";
  const std::vector<Case> cases{
      {{"--nonsense"}, "--nonsense"},
      {{"surplus"}, "surplus"},
      {{"--epochs"}, "--epochs"},
      {{"--epochs", "0"}, "--epochs '0': " + whole + "1 to 1000000"},
      {{"--epochs", "-3"}, "--epochs '-3': " + whole},
      {{"--epochs", "2.5"}, "--epochs '2.5': " + whole},
      {{"--epochs", "five"}, "--epochs 'five': " + whole},
      {{"--epochs", ""}, "--epochs '': " + whole},
      {{"--epochs", "99999999999999999999"}, "--epochs '99999999999999999999': " + whole},
      {{"--batch-size", "-1"}, "--batch-size '-1': " + whole},
      {{"--batch-size", "0"}, "--batch-size '0': " + whole},
      {{"--hidden", "1e99"}, "--hidden '1e99': " + whole + "1 to 16384"},
      {{"--hidden", "0"}, "--hidden '0': " + whole},
      {{"--hidden", "128,"}, "--hidden '': " + whole},
      {{"--hidden", "128,-4"}, "--hidden '-4': " + whole},
      {{"--learning-rate", "nan"}, "--learning-rate 'nan': expected a number above 0"},
      {{"--learning-rate", "inf"}, "--learning-rate 'inf': expected a number above 0"},
      {{"--learning-rate", "0"}, "--learning-rate '0': expected a number above 0"},
      {{"--learning-rate", "-1e-3"}, "--learning-rate '-1e-3': expected a number above 0"},
      {{"--learning-rate", "1e-3x"}, "--learning-rate '1e-3x': expected a number above 0"},
      {{"--seed", "-1"}, "--seed '-1': " + whole + "0 to 18446744073709551615"},
      {{"--precision", "f16"}, "--precision 'f16': expected f32 or f64"},
      {{"--max-steps", "0"}, "--max-steps '0': " + whole},
      {{"--jobs", "0"}, "--jobs '0': " + whole},
      {{"--threads", "-7"}, "--threads '-7': " + whole},
      {{"--activations", "reulu"}, "activation 'reulu' is not known; known: celu, elu, "},
      {{"--activations", ""}, "activation '' is not known; known: "},
      {{"--activations", "relu,,gelu"}, "activation '' is not known; known: "},
      {{"--activations", "relu:3"}, "activation 'relu:3': more parameters than it has"},
      {{"--activations", "leaky_relu:steep"}, "'steep' is not a number"},
      {{"--activations", "leaky_relu:nan"}, "'nan' is not a number"},
      {{"--activations", "relu,gelu,relu"}, "relu appears twice"},
      {{"--activations", "leaky_relu:0.3,leaky_relu:0.30"}, "leaky_relu:0.30 appears twice"},
      {{"--activations", "exp"}, "activation 'exp' is not known"},
      {{"--activations", "a\nb"}, "activation 'a\\x0ab' is not known"},
      {{"--out", ""}, "--out is empty"},
      {{"--data", ""}, "--data is empty"},
  };
  for (const auto& [arguments, complaint] : cases) {
    SCOPED_TRACE(arguments.front() + (arguments.size() > 1 ? " " + arguments[1] : ""));
    expect_refusal(compare(arguments), 2, complaint);
  }
}

TEST_F(ComparisonRefuses, DataThatAreDamaged) {
  const std::string train_images = "train-images-idx3-ubyte", test_labels = "t10k-labels-idx1-ubyte",
                    compressed = "train-labels-idx1-ubyte.gz";
  std::string no_magic = images(70), wrong_type = no_magic, wrong_rank = no_magic;
  no_magic[0] = 1;
  wrong_type[2] = '\x07';
  wrong_rank[3] = '\x02';
  std::string wrong_label = labels(30);
  wrong_label.back() = '\x0a';
  std::string wrong_checksum = gzip(labels(70));
  wrong_checksum[wrong_checksum.size() - 5] = static_cast<char>(wrong_checksum[wrong_checksum.size() - 5] ^ 1);
  struct Case {
    std::string file, bytes, complaint;
  };
  const std::vector<Case> cases{
      {train_images, "", "is empty"},
      {train_images, no_magic, "begins with 0x01000803; expected the IDX magic"},
      {train_images, wrong_type, "begins with 0x00000703; expected the IDX magic"},
      {train_images, wrong_rank, "continues past its last element"},
      {train_images, images(69), "70 labels for the 69 images"},
      {test_labels, labels(31), "31 labels for the 30 images"},
      {train_images, images(70, 27), "u8 [70, 27, 27]; expected images, u8 [n, 28, 28]"},
      {train_images, idx(0x08, {0, 28, 28}, ""), "u8 [0, 28, 28]; expected images"},
      {train_images, idx(0x08, {70, 784}, images(70).substr(16)), "u8 [70, 784]; expected images"},
      {train_images, labels(70), "u8 [70]; expected images"},
      {train_images, idx(0x08, {0xffffffff, 28, 28}, "few"), "so small a file cannot hold them"},
      {train_images, idx(0x08, {0xffffffff, 0xffffffff, 0xffffffff}, "few"), "so small a file cannot hold them"},
      {train_images, images(70) + '\0', "continues past its last element"},
      {test_labels, wrong_label, "label 10 of sample 29; expected 0 … 9"},
      {test_labels, images(30), "u8 [30, 28, 28]; expected labels"},
      {compressed, wrong_checksum, "is damaged: its checksum is wrong"},
      {compressed, gzip(labels(70)) + "more", "continues past its compressed data"},
      {compressed, gzip(labels(70) + '\x01'), "continues past its last element"},
      {compressed, "\x1f\x8b nothing that gzip wrote", "is damaged"},
  };
  for (const auto& [file, bytes, complaint] : cases) {
    SCOPED_TRACE(complaint);
    const std::string before = read_file(data() + '/' + file);
    const std::string path = put(file, bytes);
    const Finished finished = compare({});
    expect_refusal(finished, 1, complaint);
    EXPECT_TRUE(contains(finished.errors, path)) << finished.errors;
    put(file, before);
  }
}

TEST_F(ComparisonRefuses, FilesThatAreCutAnywhere) {
  for (const std::string file : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"}) {
    const std::string whole = read_file(data() + '/' + file);
    for (const std::size_t length : {std::size_t{1}, std::size_t{3}, std::size_t{4}, std::size_t{10}, std::size_t{16},
                                     std::size_t{20}, whole.size() / 2, whole.size() - 9, whole.size() - 1}) {
      SCOPED_TRACE(file + ": " + std::to_string(length));
      const std::string path = put(file, whole.substr(0, length));
      expect_refusal(compare({}), 1, path + ": ");
    }
    put(file, whole);
  }
}

TEST_F(ComparisonRefuses, ADirectoryWithoutData) {
  const std::string empty = directory / "empty";
  expect_refusal(compare({"--data", empty}), 1, empty + ": no Fashion-MNIST there");
  expect_refusal(compare({"--data", directory.write("file", "x")}), 1, ": no Fashion-MNIST there");
  std::filesystem::remove(data() + "/t10k-labels-idx1-ubyte");
  expect_refusal(compare({}), 1, data() + "/t10k-labels-idx1-ubyte: no such file");
}

TEST_F(ComparisonRefuses, InitialWeightsThatCannotBeRead) {
  const std::string file = directory / "weights";
  expect_refusal(compare({"--initial-weights", file}), 1, file + ": no such file");
  training::write_safetensors(file, {{"hidden.weight", zeros({784, 128})}});
  const std::string whole = read_file(file);
  for (const std::string& damaged :
       {std::string(), whole.substr(0, 5), whole.substr(0, 30), whole.substr(0, whole.size() - 1), whole + 'x',
        std::string(8, '\xff') + whole.substr(8), std::string(whole).replace(8, 1, "[")}) {
    directory.write("weights", damaged);
    expect_refusal(compare({"--initial-weights", file}), 1, file + ": ");
  }
}

TEST_F(ComparisonRefuses, APlaceForResultsThatCannotBeWrittenTo) {
  const std::string file = directory.write("file", "mine");
  expect_refusal(compare({"--out", file}), 1, file + ": ");
  expect_refusal(compare({"--out", file + "/below"}), 1, file + "/below: ");
  expect_refusal(compare({"--out", "/proc/comparison"}), 1, "/proc/comparison: ");
  expect_refusal(compare({"--record-steps", directory.path()}), 1, directory.path() + ": ");
  expect_refusal(compare({"--record-steps", directory / "none/steps.json"}), 1, directory / "none/steps.json: ");
  EXPECT_EQ(read_file(file), "mine");
  for (const char* name : {"history.csv", "summary.json", "losses.png", "accuracy.svg"})
    expect_refusal(compare({"--record-steps", out() + "/./" + name}), 2,
                   std::string("is where ") + name + " is written");
}

/// A limit on the size of files stands in for a full disk; there is room for what is said of it.
TEST_F(ComparisonRefuses, ADiskThatIsFull) {
  const auto with_room_for = [](rlim_t bytes) {
    return [bytes] {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{bytes, bytes};
      setrlimit(RLIMIT_FSIZE, &limit);
    };
  };
  for (const rlim_t room : {1000U, 100000U}) {
    expect_refusal(compare({"--quiet"}, with_room_for(room)), 1, out() + ": nothing can be written there: ");
  }
}

TEST_F(ComparisonRefuses, ToSayThatAllWentWellWhereNobodyCouldReadIt) {
  const auto to_full_disk = [] { dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO); };
  for (const Arguments& arguments : {Arguments{"--epochs", "1"}, Arguments{"--help"}}) {
    const Finished finished = compare(arguments, to_full_disk);
    EXPECT_EQ(finished.status, 1);
    EXPECT_EQ(finished.errors, "error: standard output could not be written\n");
  }
}

TEST_F(ComparisonRefuses, NothingOfWhatItAlreadyHasWhenTheDiskIsFullOnlyAtTheEnd) {
  const Finished finished = compare({"--epochs", "1", "--record-steps", "/dev/full"});
  EXPECT_EQ(finished.status, 1);
  EXPECT_EQ(finished.errors, "error: /dev/full: cannot be written: No space left on device\n");
  EXPECT_EQ(lines_of(result("history.csv")).size(), 5U);
}

}  // namespace
}  // namespace wengert::test

#include "examples/comparison.h"

#include <cmath>
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <wengert/nn/activation.h>
#include <wengert/training/safetensors.h>
#include <wengert/version.h>

namespace wengert::test {
namespace {

const std::vector<std::string> everything{"accuracy.png", "accuracy.svg", "history.csv",
                                          "losses.png",   "losses.svg",   "summary.json"};

std::uint32_t big_endian_at(const std::string& bytes, std::size_t place) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | static_cast<unsigned char>(bytes.at(place + i));
  return value;
}

/// A file of weights for `hidden` units, of one value each.
training::NamedTensors weights(std::int64_t hidden, double value, DType dtype = DType::f32) {
  return {{"hidden.weight", full({784, hidden}, value, dtype)},
          {"hidden.bias", full({hidden}, value, dtype)},
          {"output.weight", full({hidden, 10}, value, dtype)},
          {"output.bias", full({10}, value, dtype)}};
}

TEST_F(Comparison, TrainsFourModelsAndDrawsThem) {
  const Finished finished = compare({});
  EXPECT_EQ(finished.status, 0);
  EXPECT_EQ(finished.errors, "");
  EXPECT_EQ(listing(out()), everything);

  const auto history = lines_of(result("history.csv"));
  ASSERT_EQ(history.size(), 21U);
  EXPECT_EQ(history[0], "activation,epoch,loss,accuracy,val_loss,val_accuracy,seconds");
  EXPECT_EQ(history[1].substr(0, 7), "relu,1,");
  EXPECT_EQ(history[10].substr(0, 7), "gelu,5,");
  EXPECT_EQ(history[20].substr(0, 17), "leaky_relu:0.3,5,");
  for (const std::string& line : history) EXPECT_EQ(std::count(line.begin(), line.end(), ','), 6) << line;
}

TEST_F(Comparison, DrawsPicturesThatARowOfTextCanStandBeside) {
  ASSERT_EQ(compare({"--epochs", "2"}).status, 0);
  for (const char* name : {"losses.png", "accuracy.png"}) {
    const std::string png = result(name);
    EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
    EXPECT_GE(big_endian_at(png, 16), 800U);
    EXPECT_GE(big_endian_at(png, 20), 500U);
    EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND");
  }
  const std::string svg = result("losses.svg");
  for (const char* text : {"relu_loss", "gelu_loss", "sigmoid_loss", "leaky_relu_loss", "epoch", "training loss"}) {
    EXPECT_TRUE(contains(svg, text)) << text;
  }
  EXPECT_FALSE(contains(svg, "0.3_loss"));
  EXPECT_TRUE(contains(svg, "</svg>"));
  EXPECT_TRUE(contains(result("accuracy.svg"), "sigmoid_val_accuracy"));
}

TEST_F(Comparison, NamesTheSlopeWhereTwoLeakyModelsAreDrawn) {
  ASSERT_EQ(compare({"--activations", "leaky_relu,leaky_relu:0.25,relu", "--epochs", "1"}).status, 0);
  const std::string svg = result("losses.svg");
  EXPECT_TRUE(contains(svg, "leaky_relu:0.25_loss"));
  EXPECT_EQ(occurrences(svg, "leaky_relu:0."), 2U);
  EXPECT_TRUE(contains(svg, ">relu_loss<"));
}

TEST_F(Comparison, TrainsEveryActivationOfTheCatalogue) {
  const std::vector<std::string> names = nn::activation_names();
  ASSERT_EQ(compare({"--activations", fmt::format("{}", fmt::join(names, ",")), "--max-steps", "4"}).status, 0);
  const auto models = nlohmann::json::parse(result("summary.json"))["models"];
  ASSERT_EQ(models.size(), names.size());
  for (const auto& model : models) EXPECT_TRUE(model["val_loss"].is_number()) << model["activation"];
}

TEST_F(Comparison, SaysWhatItDoesAndWhatCameOfIt) {
  const Finished finished = compare({"--epochs", "2"});
  EXPECT_EQ(occurrences(finished.output, "Total params: 101,770"), 1U);
  EXPECT_TRUE(contains(finished.output, "Fashion-MNIST: 70 training images, 30 test images")) << finished.output;
  EXPECT_EQ(occurrences(finished.output, "leaky_relu: a slope of 0.3 is the default of Keras's LeakyReLU layer"), 1U);
  for (const char* activation : {"relu", "gelu", "sigmoid", "leaky_relu:0.3"}) {
    EXPECT_EQ(occurrences(finished.output, fmt::format("\n{}, epoch 2/2: loss ", activation)), 1U) << finished.output;
  }
  const auto all = lines_of(finished.output);
  const auto header =
      std::find(all.begin(), all.end(), "activation      loss 1  loss 2  accuracy  test loss  test accuracy  seconds");
  ASSERT_NE(header, all.end()) << finished.output;
  for (auto row = header + 1; row <= header + 4; ++row) EXPECT_EQ(row->size(), header->size()) << *row;
  EXPECT_FALSE(contains(finished.output, "\x1b")) << "control characters where there is no terminal";
}

TEST_F(Comparison, NamesTheSlopesThatWereTaken) {
  ASSERT_EQ(compare({"--activations", "leaky_relu,relu,leaky_relu:0.05", "--max-steps", "1"}).status, 0);
  const std::string note = nlohmann::json::parse(result("summary.json"))["notes"][0];
  EXPECT_TRUE(contains(note, "the usual formula says 0.01; trained here: 0.01, 0.05.")) << note;
}

TEST_F(Comparison, SummarisesTheRunForPrograms) {
  ASSERT_EQ(compare({"--epochs", "2", "--seed", "7", "--hidden", "20,12", "--activations", "relu,mish"}).status, 0);
  const auto json = nlohmann::json::parse(result("summary.json"));
  EXPECT_EQ(json["version"], version_string);
  EXPECT_FALSE(json["machine"]["cpu"].get<std::string>().empty());
  EXPECT_EQ(json["settings"]["hidden"], (std::vector<int>{20, 12}));
  EXPECT_EQ(json["settings"]["learning_rate"], 1e-3);
  EXPECT_EQ(json["seeds"]["shuffle"], 7);
  EXPECT_TRUE(json["notes"].empty());
  ASSERT_EQ(json["models"].size(), 2U);
  EXPECT_EQ(json["models"][1]["activation"], "mish");
  EXPECT_EQ(json["models"][1]["history"]["epochs"].size(), 2U);
  EXPECT_EQ(json["models"][1]["loss"], json["models"][1]["history"]["epochs"][1]["loss"]);
}

TEST_F(Comparison, SaysNothingWhenQuiet) {
  const Finished finished = compare({"--quiet", "--epochs", "1"});
  EXPECT_EQ(finished.output + finished.errors, "");
  EXPECT_EQ(finished.status, 0);
  EXPECT_EQ(listing(out()), everything);
}

TEST_F(Comparison, ExplainsEveryFlag) {
  const Finished help = run(command({"--help"}));
  EXPECT_EQ(help.status, 0);
  EXPECT_EQ(help.errors, "");
  for (const char* flag :
       {"--activations", "--epochs", "--batch-size", "--learning-rate", "--hidden", "--seed", "--precision",
        "--no-shuffle", "--max-steps", "--initial-weights", "--record-steps", "--jobs", "--threads", "--no-compile",
        "--data", "--out", "--quiet", "--help", "--version"}) {
    EXPECT_TRUE(contains(help.output, flag)) << flag;
  }
  const Finished version = run(command({"--version"}));
  EXPECT_EQ(version.output, fmt::format("activation_comparison {}\n", version_string));
  EXPECT_EQ(version.status, 0);
}

TEST_F(Comparison, RecordsTheLossOfEveryStepUpToTheLast) {
  ASSERT_EQ(compare({"--record-steps", directory / "steps.json", "--max-steps", "4"}).status, 0);
  const auto losses = recorded(directory / "steps.json");  // three steps of 32, 32 and 6 images to an epoch
  ASSERT_EQ(losses.size(), 4U);
  for (const auto& [activation, steps] : losses) EXPECT_EQ(steps.size(), 4U) << activation;
  const auto models = nlohmann::json::parse(result("summary.json"))["models"];
  EXPECT_EQ(models[0]["history"]["epochs"][1]["loss"], losses.at("relu")[3]);
  const double first_epoch = (32 * losses.at("relu")[0] + 32 * losses.at("relu")[1] + 6 * losses.at("relu")[2]) / 70;
  EXPECT_NEAR(models[0]["history"]["epochs"][0]["loss"], first_epoch, 1e-14);
}

TEST_F(Comparison, IsTheSameRunForTheSameSeedAndAnotherForAnother) {
  const auto losses = [&](Arguments arguments) {
    arguments.insert(arguments.end(), {"--record-steps", directory / "steps.json", "--epochs", "2"});
    EXPECT_EQ(compare(arguments).status, 0);
    return recorded(directory / "steps.json").at("gelu");
  };
  const auto usual = losses({});
  EXPECT_EQ(losses({}), usual);
  EXPECT_EQ(losses({"--activations", "gelu"}), usual);  // whatever else is trained
  for (const Arguments& other : {Arguments{"--seed", "1"},
                                 {"--no-shuffle"},
                                 {"--precision", "f64"},
                                 {"--learning-rate", "0.01"},
                                 {"--hidden", "64"},
                                 {"--batch-size", "16"}}) {
    EXPECT_NE(losses(other), usual) << other[0];
  }
}

TEST_F(Comparison, GivesTheSameFiguresWithoutCompiling) {
  const auto figures = [&](Arguments arguments) {
    arguments.insert(arguments.end(), {"--epochs", "2", "--record-steps", directory / "steps.json"});
    EXPECT_EQ(compare(arguments).status, 0);
    auto models = nlohmann::json::parse(result("summary.json"))["models"];
    for (auto& model : models) {
      model.erase("seconds");
      for (auto& epoch : model["history"]["epochs"]) epoch.erase("seconds");
    }
    return std::pair(models, recorded(directory / "steps.json"));
  };
  const auto eager = figures({"--no-compile"});
  EXPECT_EQ(nlohmann::json::parse(result("summary.json"))["settings"]["compile"], false);
  EXPECT_EQ(figures({}), eager);
}

TEST_F(Comparison, TakesTheInitialWeightsOfAFile) {
  // Where all weights of a layer are equal, all logits are, and the loss of the first step is ln 10.
  for (const DType dtype : {DType::f32, DType::f64}) {
    training::write_safetensors(directory / "weights", weights(16, 0.25, dtype));
    for (const char* precision : {"f32", "f64"}) {
      ASSERT_EQ(compare({"--initial-weights", directory / "weights", "--hidden", "16", "--record-steps",
                         directory / "steps.json", "--max-steps", "1", "--precision", precision})
                    .status,
                0);
      for (const auto& [activation, losses] : recorded(directory / "steps.json")) {
        EXPECT_NEAR(losses[0], std::log(10), 1e-5) << activation;
      }
    }
  }
}

TEST_F(Comparison, TakesFilesOfAnyName) {
  const std::string file = directory / "w\xff";  // no UTF-8
  training::write_safetensors(file, weights(16, 0.25));
  ASSERT_EQ(compare({"--initial-weights", file, "--hidden", "16", "--max-steps", "1"}).status, 0);
  const auto settings = nlohmann::json::parse(result("summary.json"))["settings"];
  EXPECT_EQ(settings["initial_weights"], directory / "w\xef\xbf\xbd");
}

TEST_F(Comparison, RefusesInitialWeightsThatDoNotFit) {
  training::NamedTensors misnamed = weights(16, 0.5), surplus = misnamed, integers = misnamed;
  misnamed[3].first = "output.b";
  surplus.emplace_back("extra", full({1}, 0));
  integers[1].second = full({16}, 1, DType::i32);
  struct Case {
    training::NamedTensors tensors;
    std::string complaint;
  };
  const std::vector<Case> cases{{misnamed, "does not fit the model: it lacks output.bias; the model has no output.b"},
                                {surplus, "the model has no extra"},
                                {integers, "hidden.bias is i32 [16]; the model expects f32 [16]"},
                                {weights(17, 0.5), "hidden.weight is f32 [784, 17]; the model expects f32 [784, 16]"}};
  for (const auto& [tensors, complaint] : cases) {
    training::write_safetensors(directory / "weights", tensors);
    const Finished finished = compare({"--initial-weights", directory / "weights", "--hidden", "16"});
    EXPECT_EQ(finished.status, 1);
    EXPECT_TRUE(contains(finished.errors, (directory / "weights") + ": ")) << finished.errors;
    EXPECT_TRUE(contains(finished.errors, complaint)) << finished.errors;
    EXPECT_EQ(lines_of(finished.errors).size(), 1U) << finished.errors;
  }
  EXPECT_TRUE(listing(out()).empty());
}

TEST_F(Comparison, ReplacesWhatAnEarlierRunLeft) {
  std::filesystem::create_directory(out());
  directory.write("out/losses.png", "old");
  directory.write("out/history.csv", "old");
  directory.write("out/notes.txt", "mine");
  directory.write("out/.probe", "mine too");
  ASSERT_EQ(compare({"--epochs", "1"}).status, 0);
  EXPECT_EQ(result("losses.png").substr(1, 3), "PNG");
  EXPECT_EQ(lines_of(result("history.csv")).size(), 5U);
  EXPECT_EQ(result("notes.txt"), "mine");
  EXPECT_EQ(result(".probe"), "mine too");
}

TEST_F(Comparison, KeepsWhatIsFinishedWhereATrainingFails) {
  const Finished finished =
      compare({"--activations", "relu,softmax:7,gelu", "--epochs", "1", "--jobs", "1"});  // which no axis 7 has
  EXPECT_EQ(finished.status, 1);
  EXPECT_EQ(finished.errors, "error: softmax: axis 7 is out of range; expected -2 … 1 for rank 2\n");
  const std::vector<std::string> lines = lines_of(result("history.csv"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[1].starts_with("relu,1,"));
}

TEST_F(Comparison, KeepsItsFiguresWhereGnuplotIsMissing) {
  const Finished finished = compare({"--epochs", "1"}, [] { setenv("PATH", "/nonexistent", 1); });
  EXPECT_EQ(finished.status, 1);
  EXPECT_EQ(lines_of(finished.errors).size(), 1U);
  EXPECT_TRUE(contains(finished.errors, "gnuplot: is not installed")) << finished.errors;
  EXPECT_EQ(listing(out()), (std::vector<std::string>{"history.csv", "summary.json"}));
}

TEST_F(Comparison, StopsAModelWhoseLossIsNoNumberAndSaysAtWhichStep) {
  const Finished finished = compare({"--activations", "relu,sigmoid", "--learning-rate", "1e38", "--epochs", "3"});
  EXPECT_EQ(finished.status, 1);
  EXPECT_EQ(lines_of(finished.errors).size(), 1U) << finished.errors;
  EXPECT_TRUE(contains(finished.errors, "relu stopped: the loss is ")) << finished.errors;
  EXPECT_TRUE(contains(finished.errors, " at step 2 (epoch 1)")) << finished.errors;
  const auto history = lines_of(result("history.csv"));
  EXPECT_EQ(history[0], "activation,epoch,loss,accuracy,val_loss,val_accuracy,seconds");
  EXPECT_TRUE(contains(result("history.csv"), "\nrelu,1,"));
  for (const std::string& line : history) EXPECT_EQ(std::count(line.begin(), line.end(), ','), 6) << line;
  const auto json = nlohmann::json::parse(result("summary.json"));
  EXPECT_EQ(json["models"][0]["history"]["diverged"], true);
}

TEST_F(Comparison, WritesTheHistorySoFarAfterCtrlC) {
  Process process(usual_command({"--epochs", "1000000", "--jobs", "1"}));
  ASSERT_TRUE(process.says("relu, epoch 3/"));
  process.signal(SIGINT);
  const Finished finished = process.wait();
  EXPECT_EQ(finished.status, 130);
  EXPECT_EQ(finished.errors, "");
  EXPECT_TRUE(contains(finished.output, "relu, interrupted after step ")) << finished.output;
  EXPECT_EQ(listing(out()), everything);
  EXPECT_GE(lines_of(result("history.csv")).size(), 4U);
  EXPECT_FALSE(contains(result("history.csv"), "gelu"));
  EXPECT_EQ(nlohmann::json::parse(result("summary.json"))["models"][0]["history"]["interrupted"], true);
}

TEST_F(Comparison, LeavesNothingHalfDoneWhenItIsKilled) {
  Process process(usual_command({"--epochs", "1000000"}));
  ASSERT_TRUE(process.says("relu, epoch 2/"));
  process.signal(SIGKILL);
  EXPECT_EQ(process.wait().status, 128 + SIGKILL);
  EXPECT_TRUE(listing(out()).empty());
}

}  // namespace
}  // namespace wengert::test

#include <cmath>
#include <limits>

#include "datasets/test_files.h"
#include "support/message_of.h"
#include <nlohmann/json.hpp>

#include <wengert/training/history.h>

namespace wengert::training {
namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();

EpochRecord record(std::int64_t epoch, const Scores& train, double seconds, std::int64_t steps) {
  return {.epoch = epoch, .train = train, .seconds = seconds, .steps = steps};
}

History two_epochs() {
  History history;
  history.metrics = {"accuracy"};
  history.validated = true;
  history.epochs = {record(1, {0.1 + 0.2, {0.5}}, 1.5, 10), record(2, {nan, {0.75}}, 0.5, 3)};
  history.epochs[0].validation = Scores{1.0 / 3, {0.25}};
  return history;
}

TEST(History, IsATableWithDigitsEnoughToReadItBack) {
  EXPECT_EQ(two_epochs().to_csv(),
            "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n"
            "1,0.30000000000000004,0.5,0.3333333333333333,0.25,1.5\n"
            "2,nan,0.75,,,0.5\n");
}

TEST(History, HasColumnsForValidationWhereThereWasDataForIt) {
  History history = two_epochs();
  history.epochs.clear();  // broken off before the first validation
  EXPECT_EQ(history.csv_header(), "epoch,loss,accuracy,val_loss,val_accuracy,seconds\n");
  history.validated = false;
  EXPECT_EQ(history.csv_header(), "epoch,loss,accuracy,seconds\n");
  EXPECT_EQ(History{}.to_csv(), "epoch,loss,seconds\n");
}

TEST(History, CanBePartOfALargerTable) {
  EXPECT_EQ(two_epochs().csv_rows("relu").substr(0, 12), "relu,1,0.300");
  EXPECT_EQ(two_epochs().csv_rows("a,\"b\"").substr(0, 12), R"("a,""b""",1,)");
}

TEST(History, GivesItsColumnsByName) {
  const History history = two_epochs();
  EXPECT_EQ(history["accuracy"], (std::vector<double>{0.5, 0.75}));
  EXPECT_EQ(history["epoch"], (std::vector<double>{1, 2}));
  EXPECT_EQ(history["val_accuracy"][0], 0.25);
  EXPECT_TRUE(std::isnan(history["val_accuracy"][1]));
  try {
    history["acuracy"];
    FAIL() << "knows a column that is none";
  } catch (const ValueError& error) {
    EXPECT_STREQ(
        error.what(),
        "history: no column 'acuracy'; expected one of epoch, loss, accuracy, val_loss, val_accuracy, seconds");
  }
}

TEST(History, IsJsonWithNullWhereThereIsNoNumber) {
  History history = two_epochs();
  history.interrupted = true;
  history.stopped_reason = "interrupted\n\tafter \"step\" \\13 – \x01";
  const auto json = nlohmann::json::parse(history.to_json());
  EXPECT_EQ(json["epochs"][0]["loss"].get<double>(), 0.1 + 0.2);
  EXPECT_EQ(json["epochs"][0]["epoch"], 1);
  EXPECT_EQ(json["epochs"][0]["steps"], 10);
  EXPECT_EQ(json["epochs"][0]["val_accuracy"], 0.25);
  EXPECT_TRUE(json["epochs"][1]["loss"].is_null());
  EXPECT_TRUE(json["epochs"][1]["val_loss"].is_null());
  EXPECT_EQ(json["interrupted"], true);
  EXPECT_EQ(json["diverged"], false);
  EXPECT_EQ(json["stopped_reason"], history.stopped_reason);
  EXPECT_EQ(nlohmann::json::parse(History{}.to_json())["epochs"].size(), 0U);
}

TEST(History, IsJsonWhateverBytesItsTextsAreOf) {
  History history;
  history.metrics = {"caf\xe9"};
  history.epochs = {record(1, {0.5, {0.25}}, 1, 1)};
  history.stopped_reason = "\xff \u00e9 \xe2\x82 \xed\xa0\x80 \xc0\x80 \xf5\u20ac";
  const auto json = nlohmann::json::parse(history.to_json());
  EXPECT_EQ(json["epochs"][0]["caf\ufffd"], 0.25);
  EXPECT_EQ(json["stopped_reason"], "\ufffd \u00e9 \ufffd\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd \ufffd\u20ac");
}

// Its members are public, and may be filled by hand.
TEST(History, RefusesEpochsOfAnotherNumberOfMetrics) {
  const auto refusal = [](const History& history) {
    std::string said = message_of<ValueError>([&] { history.to_csv(); });
    EXPECT_EQ(message_of<ValueError>([&] { history.to_json(); }), said);
    EXPECT_EQ(message_of<ValueError>([&] { history["seconds"]; }), said);
    return said;
  };
  History history = two_epochs();
  EXPECT_EQ(refusal(history), "nothing was thrown");
  history.epochs[1].train.metrics.clear();
  EXPECT_EQ(refusal(history), "history: epoch 2 has 0 metrics; expected 1, one for each name");
  history = two_epochs();
  history.epochs[0].validation->metrics.resize(1000);
  EXPECT_EQ(refusal(history), "history: epoch 1 has 1000 metrics; expected 1, one for each name");
}

TEST(History, IsWrittenToFiles) {
  const test::TemporaryDirectory directory;
  two_epochs().write_csv(directory / "history.csv");
  two_epochs().write_json(directory / "history.json");
  EXPECT_EQ(test::read_file(directory / "history.csv"), two_epochs().to_csv());
  EXPECT_EQ(test::read_file(directory / "history.json"), two_epochs().to_json());
  test::file_error(directory / "none/history.csv", [&] { two_epochs().write_csv(directory / "none/history.csv"); });
}

}  // namespace
}  // namespace wengert::training

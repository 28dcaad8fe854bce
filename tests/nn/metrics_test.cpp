#include <cmath>
#include <limits>
#include <vector>

#include "support/message_of.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/metrics.h>

namespace wengert::nn {
namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();
const Tensor scores({{0.1, 0.7, 0.2}, {0.5, 0.3, 0.2}, {0.2, 0.2, 0.6}, {0.4, 0.4, 0.2}});

TEST(Accuracy, CountsTheLargestScoreThatIsTheLabels) {
  EXPECT_EQ(accuracy.sum(scores, Tensor({1, 0, 2, 0})), 4);
  EXPECT_EQ(accuracy.sum(scores, Tensor({1, 1, 2, 1})), 2);  // of two equal scores the first is the largest
  EXPECT_EQ(accuracy(scores, Tensor({1, 1, 2, 1})), 0.5);
}

TEST(Accuracy, TakesEveryTypeOfScoreAndLabel) {
  for (const DType dtype : {DType::u8, DType::i32, DType::i64}) {
    const Tensor labels = cast(Tensor({1, 1, 2, 0}), dtype);
    EXPECT_EQ(accuracy.sum(scores, labels), 3);
    EXPECT_EQ(accuracy.sum(cast(scores, DType::f32), labels), 3);
  }
}

TEST(Accuracy, ComparesRowsByTheirLargestEntry) {
  const Tensor rows({{0.0, 1.0, 0.0}, {0.2, 0.5, 0.3}, {0.0, 0.0, 1.0}, {1.0, 0.0, 0.0}});
  EXPECT_EQ(accuracy.sum(scores, rows), 3);
}

TEST(Accuracy, OfOneScorePerSampleAsksForItsSide) {
  const Tensor p({0.2, 0.5, 0.51, 0.9});
  const Tensor t({0.0, 0.0, 1.0, 0.0});
  EXPECT_EQ(accuracy.sum(p, t), 3);
  EXPECT_EQ(accuracy.sum(p.reshape({4, 1}), t.reshape({4, 1})), 3);
  EXPECT_EQ(accuracy.sum(p.reshape({4, 1}), cast(t, DType::i32)), 3);
  EXPECT_EQ(accuracy.sum(p, t.reshape({4, 1})), 3);
  EXPECT_EQ(accuracy.sum(p, cast(t, DType::u8)), 3);
}

TEST(Accuracy, OfSequencesIsTheMeanOverAllPositions) {
  const Tensor sequences = scores.reshape({2, 2, 3});
  EXPECT_EQ(accuracy(sequences, Tensor({{1, 1}, {2, 0}})), 0.75);
  EXPECT_EQ(accuracy.sum(sequences, Tensor({{1, 1}, {2, 0}})), 1.5) << "of two samples";
  const Tensor rows({{0.0, 1.0, 0.0}, {0.2, 0.5, 0.3}, {0.0, 0.0, 1.0}, {1.0, 0.0, 0.0}});
  EXPECT_EQ(accuracy(sequences, rows.reshape({2, 2, 3})), 0.75);
  EXPECT_EQ(top_k(2)(sequences, Tensor({{2, 1}, {1, 2}})), 0.5);
  const Tensor p({{0.2, 0.6}, {0.7, 0.1}}), t({{0.0, 1.0}, {0.0, 0.0}});
  EXPECT_EQ(accuracy(p.reshape({2, 2, 1}), t.reshape({2, 2, 1})), 0.75);
  EXPECT_EQ(accuracy(p.reshape({2, 2, 1}), t), 0.75);
  EXPECT_THROW(accuracy(sequences, Tensor({1, 1, 2, 0})), ShapeError);
}

TEST(Metrics, OfNoSamplesAreNan) {
  EXPECT_TRUE(std::isnan(accuracy(zeros({0, 3}), zeros({0}, DType::i32))));
  EXPECT_TRUE(std::isnan(top_k(1)(zeros({0, 3}), zeros({0}, DType::i32))));
}

TEST(Accuracy, CountsNanAsTheLargest) {
  const Tensor with_nan({{0.1, nan, 0.9}, {nan, nan, 1.0}});
  EXPECT_EQ(accuracy.sum(with_nan, Tensor({1, 0})), 2);
  EXPECT_EQ(accuracy.sum(with_nan, Tensor({2, 1})), 0);
}

TEST(TopK, CountsTheLabelsAmongTheLargest) {
  const Tensor labels({2, 1, 1, 2});
  EXPECT_EQ(top_k(1).sum(scores, labels), 0);
  EXPECT_EQ(top_k(2).sum(scores, labels), 2);  // 0.2 is second to 0.7, 0.3 to 0.5; 1 ranks behind 0 with the same 0.2
  EXPECT_EQ(top_k(3).sum(scores, labels), 4);
  EXPECT_EQ(top_k(9).sum(scores, labels), 4);
}

TEST(TopK, OfOneIsTheAccuracy) {
  const Tensor awkward({{0.3, 0.3, 0.3}, {nan, 0.2, nan}, {-0.0, 0.0, -1.0}});
  for (int label = 0; label < 3; ++label) {
    const Tensor labels({label, label, label});
    EXPECT_EQ(top_k(1).sum(awkward, labels), accuracy.sum(awkward, labels)) << label;
  }
}

TEST(Metrics, AreNamedValues) {
  const std::vector<Metric> metrics{accuracy, top_k(2)};
  EXPECT_EQ(metrics[0].name, "accuracy");
  EXPECT_EQ(metrics[1].name, "top_2_accuracy");
  EXPECT_EQ(metrics[0].sum(scores, Tensor({1, 1, 2, 1})), 2);
  EXPECT_EQ(metrics[0](scores, Tensor({1, 1, 2, 1})), 0.5);
  EXPECT_EQ(metrics[1](scores, Tensor({2, 1, 1, 2})), 0.5);
}

TEST(Metrics, SayWhatDoesNotFit) {
  EXPECT_EQ(message_of<ValueError>([] { Metric{"mine", {}}(scores, scores); }), "metric 'mine' has no function");
  EXPECT_EQ(message_of<ValueError>([] {
              accuracy(Tensor({0.9, 0.1}), Tensor({1, -1}));
            }),
            "accuracy: target 1 is -1; expected 0 or 1");
  EXPECT_THROW(accuracy(Tensor({0.1}), Tensor({std::nan("")})), ValueError);
  EXPECT_THROW(accuracy.sum(scores, Tensor({0, 1})), ShapeError);
  EXPECT_THROW(accuracy.sum(scores, zeros({4, 2})), ShapeError);
  EXPECT_THROW(accuracy.sum(scores, Tensor({0.0, 1.0, 2.0, 0.0})), DTypeError);
  EXPECT_THROW(accuracy.sum(scores, Tensor({true, false, true, false})), DTypeError);
  EXPECT_THROW(accuracy(Tensor(0.5), Tensor(1)), ShapeError);
  EXPECT_THROW(accuracy.sum(cast(scores, DType::i32), Tensor({0, 1, 2, 0})), DTypeError);
  EXPECT_THROW(top_k(0).sum(scores, Tensor({0, 1, 2, 0})), ValueError);
  try {
    accuracy.sum(scores, Tensor({0, 12, 1, 1}));
    FAIL() << "took a label out of range";
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "accuracy: label 12 with 3 classes; expected 0 … 2");
  }
}

}  // namespace
}  // namespace wengert::nn

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <string>

#include "support/message_of.h"
#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

// The expected values of this table were computed by Keras 3.15 in float64.

const Tensor probabilities({{0.2, 0.3, 0.5}, {0.7, 0.2, 0.4}, {0.0, 1.0, 0.0}, {0.1, 0.6, 0.3}});
const Tensor logits({{1.5, -2.0, 0.25}, {0.0, 0.0, 0.0}, {30.0, -30.0, 2.0}, {-1.0, 2.0, 0.5}});
const Tensor labels({2, 0, 0, 1});
const Tensor rows({{0.1, 0.2, 0.7}, {1.0, 0.0, 0.0}, {0.5, 0.5, 0.0}, {0.0, 0.25, 0.75}});
const Tensor binary_probabilities({{0.2, 0.9}, {0.0, 1.0}, {0.5, 0.999}});
const Tensor binary_logits({{0.2, -3.0}, {0.0, 40.0}, {-25.0, 0.999}});
const Tensor binary_targets({{0.0, 1.0}, {1.0, 1.0}, {0.25, 0.0}});
const Tensor outputs({{0.5, -2.0}, {3.0, 1.0}, {0.0, 7.25}});
const Tensor targets({{0.0, -1.0}, {0.5, 1.0}, {-0.25, 4.0}});
// The like, away from clips and kinks: where gradients are checked.
const Tensor inner_probabilities({{0.2, 0.3, 0.5}, {0.7, 0.2, 0.4}, {0.3, 0.1, 0.6}, {0.1, 0.6, 0.3}});
const Tensor inner_binary({{0.2, 0.9}, {0.4, 0.6}, {0.5, 0.99}});
const Tensor inner_outputs({{0.75, -2.25}, {3.0, 1.125}, {0.125, 7.25}});

struct Case {
  const char* name;
  Loss loss;
  Tensor predictions, targets;
  double expected;
  Tensor smooth;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> table{
      {"sparse", sparse_categorical_crossentropy, probabilities, labels, 4.485276940922618, inner_probabilities},
      {"sparse, logits", SparseCategoricalCrossentropy{.from_logits = true}, logits, labels, 0.7162634618933985,
       logits},
      {"categorical", categorical_crossentropy, probabilities, rows, 2.648928617892974, inner_probabilities},
      {"categorical, logits", CategoricalCrossentropy{.from_logits = true}, logits, rows, 8.578763461893399, logits},
      {"binary", binary_crossentropy, binary_probabilities, binary_targets, 4.0079170462454075, inner_binary},
      {"binary, logits", BinaryCrossentropy{.from_logits = true}, binary_logits, binary_targets, 2.017067354798311,
       binary_logits},
      {"squared", mean_squared_error, outputs, targets, 3.0208333333333335, inner_outputs},
      {"absolute", mean_absolute_error, outputs, targets, 1.25, inner_outputs},
      {"huber", huber, outputs, targets, 0.9010416666666666, inner_outputs},
      {"huber, 0.5", Huber{.delta = 0.5}, outputs, targets, 0.5260416666666666, inner_outputs},
  };
  return table;
}

TEST(Losses, AgreeWithKeras) {
  for (const Case& c : cases()) {
    const Tensor loss = c.loss(c.predictions, c.targets);
    EXPECT_EQ(loss.shape(), Shape{}) << c.name;
    EXPECT_NEAR(loss.item<double>(), c.expected, 1e-13 * c.expected) << c.name;  // sums of some ten terms
    const Tensor narrow = c.loss(cast(c.predictions, DType::f32),
                                 is_floating(c.targets.dtype()) ? cast(c.targets, DType::f32) : c.targets);
    EXPECT_EQ(narrow.dtype(), DType::f32) << c.name;
    // 1 − 0.999 is off by 6e-8 in f32, a relative 6e-5 that the logarithm makes absolute, in one term of six.
    EXPECT_NEAR(narrow.item<double>(), c.expected, 1e-5 * c.expected) << c.name;
  }
}

TEST(Losses, HaveTheGradientOfTheirFormula) {
  for (const Case& c : cases()) {
    const auto report = gradcheck([&](const Tensor& x) { return c.loss(x, c.targets); }, c.smooth);
    EXPECT_TRUE(report.passed) << c.name << ": " << report.max_relative_error;
  }
}

TEST(Losses, TraceProbabilitiesOfASoftmaxBackToTheirLogits) {
  // From the probabilities alone the loss would stop at −ln 1e-7 = 16.1, and its gradient would be 0.
  const Tensor far({100.0, 0.0, 0.0}, {1, 3});
  const Tensor third({1});
  EXPECT_DOUBLE_EQ(sparse_categorical_crossentropy(wengert::softmax(far), third).item(), 100);
  EXPECT_DOUBLE_EQ(categorical_crossentropy(wengert::softmax(far), Tensor({0.0, 1.0, 0.0}, {1, 3})).item(), 100);
  EXPECT_NEAR(sparse_categorical_crossentropy(wengert::softmax(far) * 1.0, third).item(), -std::log(1e-7), 1e-6);

  Tape tape;
  const Tensor x = tape.watch(far);
  const Tensor loss = sparse_categorical_crossentropy(wengert::softmax(x), third);
  const Tensor gradient = tape.gradient(loss, x);
  EXPECT_NEAR(gradient.data<double>()[0], 1, 1e-15);
  EXPECT_NEAR(gradient.data<double>()[1], -1, 1e-15);
}

TEST(Losses, TraceProbabilitiesOfASigmoidLayerBackToTheirLogits) {
  const Tensor target({0.0F});
  const auto loss = [&](const Tensor& x) { return binary_crossentropy(nn::sigmoid(x), target); };
  for (const float far : {16.0F, 20.0F, 40.0F, 1000.0F}) {
    for (const auto& f :
         {std::function<Tensor(const Tensor&)>(loss), std::function<Tensor(const Tensor&)>(compile(loss))}) {
      EXPECT_EQ(f(Tensor({far})).item(), far);
    }
    EXPECT_NEAR(grad(loss)(Tensor({far})).item(), 1, 1.2e-7) << far;  // σ(16) is a rounding below
  }
  // From the probabilities alone, the loss stops at −ln 1e-7 and its gradient is 0.
  const auto blind = [&](const Tensor& x) { return binary_crossentropy(nn::sigmoid(x) * 1.0, target); };
  EXPECT_LT(blind(Tensor({40.0F})).item(), 16.2);
  EXPECT_EQ(grad(blind)(Tensor({40.0F})).item(), 0);
}

TEST(Losses, RefuseTheGradientOfProbabilitiesThatWereTracedBack) {
  Tape tape;
  const Tensor x = tape.watch(logits);
  const Tensor p = wengert::softmax(x);
  const Tensor loss = sparse_categorical_crossentropy(p, labels);
  EXPECT_THROW(tape.gradient(loss, p), GradientError);
  EXPECT_NO_THROW(tape.gradient(loss, x));

  const Tensor each = nn::sigmoid(x), others = nn::sigmoid(x), read = nn::sigmoid(x);
  const Tensor of_each = binary_crossentropy(each, wengert::zeros(x.shape(), DType::f64));
  EXPECT_THROW(tape.gradient(of_each, each), GradientError);
  EXPECT_NO_THROW(tape.gradient(of_each, x));
  EXPECT_EQ(tape.gradient(sum(others), others).data<double>()[0], 1) << "no loss took their logits";
  const Tensor squared = mean_squared_error(read, wengert::zeros(x.shape(), DType::f64));
  EXPECT_NE(tape.gradient(squared, read).data<double>()[0], 0) << "nor does this one";
}

TEST(Losses, TakeNoLogitsOfAnotherFunction) {
  EXPECT_EQ(sparse_categorical_crossentropy(nn::sigmoid(logits), labels).item(),
            sparse_categorical_crossentropy(wengert::sigmoid(logits), labels).item());
  EXPECT_EQ(categorical_crossentropy(nn::sigmoid(logits), rows).item(),
            categorical_crossentropy(wengert::sigmoid(logits), rows).item());
  EXPECT_EQ(binary_crossentropy(nn::softmax(logits), rows).item(),
            binary_crossentropy(nn::softmax(logits) * 1.0, rows).item());
}

TEST(Losses, RefuseProbabilitiesAsLogits) {
  EXPECT_EQ(message_of<ValueError>(
                [] { SparseCategoricalCrossentropy{.from_logits = true}(wengert::softmax(logits), labels); }),
            "sparse_categorical_crossentropy: from_logits is set, but the predictions are the result of a softmax or "
            "sigmoid; leave out one of the two");
  EXPECT_THROW(CategoricalCrossentropy{.from_logits = true}(wengert::softmax(logits), rows), ValueError);
  EXPECT_THROW(BinaryCrossentropy{.from_logits = true}(nn::sigmoid(binary_logits), binary_targets), ValueError);
  EXPECT_NO_THROW(CategoricalCrossentropy{.from_logits = true}(wengert::softmax(logits) * 3.0, rows));
}

TEST(Losses, LeaveTheLogitsOfAHiddenLayerToNobody) {
  Tape tape;
  auto owner = std::make_shared<const std::array<double, 2>>(std::array{0.5, -1.0});
  const void* const elements = owner->data();
  const std::weak_ptr<const void> alive = owner;
  Tensor y = nn::sigmoid(tape.watch(Tensor::borrow(elements, DType::f64, {2}, std::move(owner))));
  EXPECT_FALSE(alive.expired());
  y = y * 2.0;
  EXPECT_TRUE(alive.expired()) << "the tape needs the values of a sigmoid alone";
}

TEST(Losses, AModelThatEndsInSoftmaxTrainsAsOneThatGivesLogits) {
  Dense last{3, 3, nn::softmax, {.dtype = DType::f64}};
  Dense bare{3, 3, {}, {.dtype = DType::f64}};
  Tape tape;
  const Tensor a = sparse_categorical_crossentropy(last(logits), labels);
  const Tensor b = SparseCategoricalCrossentropy{.from_logits = true}(bare(logits), labels);
  EXPECT_EQ(a.item(), b.item());
  const Tensor da = tape.gradient(a)[last.weight()];
  const Tensor db = tape.gradient(b)[bare.weight()];
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(da.data<double>()[i], db.data<double>()[i]);
}

TEST(Losses, AModelThatEndsInSigmoidTrainsAsOneThatGivesLogits) {
  Sequential last{Dense{3, 2, nn::sigmoid, {.dtype = DType::f64}}, Dense{2, 3, nn::sigmoid, {.dtype = DType::f64}}};
  Sequential bare{Dense{3, 2, nn::sigmoid, {.dtype = DType::f64}}, Dense{2, 3, {}, {.dtype = DType::f64}}};
  Tape tape;
  const Tensor a = binary_crossentropy(last(logits), rows);
  const Tensor b = BinaryCrossentropy{.from_logits = true}(bare(logits), rows);
  EXPECT_EQ(a.item(), b.item());
  for (std::size_t i = 0; i < 4; ++i) {
    const Tensor da = tape.gradient(a)[last.parameters()[i]], db = tape.gradient(b)[bare.parameters()[i]];
    EXPECT_TRUE(std::ranges::equal(da.data<double>(), db.data<double>())) << i;
  }
}

TEST(Losses, TakeLabelsOfEveryIntegerType) {
  const double expected = sparse_categorical_crossentropy(probabilities, labels).item();
  for (const DType dtype : {DType::u8, DType::i64}) {
    EXPECT_EQ(sparse_categorical_crossentropy(probabilities, cast(labels, dtype)).item(), expected);
  }
  EXPECT_EQ(mean_squared_error(outputs, cast(targets, DType::i32)).item(),
            mean_squared_error(outputs, cast(cast(targets, DType::i32), DType::f64)).item());
}

TEST(Losses, TakeSequences) {
  EXPECT_EQ(sparse_categorical_crossentropy(probabilities.reshape({2, 2, 3}), labels.reshape({2, 2})).item(),
            sparse_categorical_crossentropy(probabilities, labels).item());
  EXPECT_EQ(CategoricalCrossentropy{.from_logits = true}(logits.reshape({2, 2, 3}), rows.reshape({2, 2, 3})).item(),
            CategoricalCrossentropy{.from_logits = true}(logits, rows).item());
}

TEST(Losses, BinaryFromLogitsKeepsItsDigitsAndItsSlopeAtZero) {
  const BinaryCrossentropy loss{.from_logits = true};
  // −ln σ(20) = ln(1 + e⁻²⁰)
  EXPECT_NEAR(loss(Tensor({20.0F}), Tensor({1.0F})).item() / std::log1p(std::exp(-20.0)), 1, 1e-6);
  EXPECT_EQ(loss(Tensor({1000.0}), Tensor({0.0})).item(), 1000);
  Tape tape;
  const Tensor x = tape.watch(Tensor({0.0}));
  EXPECT_EQ(tape.gradient(loss(x, Tensor({1.0})), x).item(), -0.5);
}

TEST(Losses, SayWhatDoesNotFit) {
  EXPECT_EQ(
      message_of<ShapeError>([] {
        sparse_categorical_crossentropy(probabilities, Tensor({0, 1}));
      }),
      "sparse_categorical_crossentropy: predictions [4, 3] and labels [2]; expected [batch, classes] and [batch]");
  EXPECT_EQ(message_of<DTypeError>([] {
              sparse_categorical_crossentropy(probabilities, Tensor({0.0, 1.0, 2.0, 0.0}));
            }),
            "sparse_categorical_crossentropy: labels are f64; expected integers (for rows of probabilities: "
            "categorical_crossentropy)");
  EXPECT_EQ(message_of<ShapeError>([] {
              mean_squared_error(wengert::zeros({32, 1}), wengert::zeros({32}));
            }),
            "mean_squared_error: predictions [32, 1] and targets [32] differ in shape; reshape one of them");
  EXPECT_THROW(sparse_categorical_crossentropy(Tensor({0.5, 0.5}), Tensor(1)), ShapeError);
  EXPECT_THROW(categorical_crossentropy(probabilities, labels), ShapeError);
  EXPECT_THROW(Huber{.delta = 0}(outputs, targets), ValueError);
}

TEST(Losses, NameALabelOutOfRangeAndTheNumberOfClasses) {
  for (const int label : {3, -1, 200}) {
    for (const Tensor& predictions : {probabilities, wengert::softmax(logits)}) {
      const std::string message = message_of<ValueError>([&] {
        sparse_categorical_crossentropy(predictions, Tensor({0, label, 1, 2}));
      });
      EXPECT_NE(message.find(std::to_string(label)), std::string::npos) << message;
      EXPECT_NE(message.find("3 classes"), std::string::npos) << message;
    }
  }
}

TEST(Losses, AreFunctionObjects) {
  const Loss loss = huber;
  EXPECT_EQ(loss(outputs, targets).item(), huber(outputs, targets).item());
}

}  // namespace
}  // namespace wengert::nn

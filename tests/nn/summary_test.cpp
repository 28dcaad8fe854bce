#include <string>

#include "support/tensors.h"
#include "support/token_models.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

class Mlp : public Module {
 public:
  Tensor forward(const Tensor& x) override { return output(hidden(x)) * temperature; }
  void visit(Visitor& v) override {
    v("hidden", hidden);
    v("output", output);
    v("temperature", temperature, nn::ones);
  }
  Sequential hidden{Flatten{}, Dense{784, 1024, nn::relu}, Dense{1024, 64, nn::relu}};
  Dense output{64, 10};
  Parameter temperature{wengert::zeros({})};
};

// What Keras 3.15 prints for the same model on a terminal of 80 columns, to the last character.
constexpr const char* as_keras_prints =
    R"(Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ flatten (Flatten)               │ (None, 784)            │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 128)            │       100,480 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 10)             │         1,290 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 101,770 (397.54 KB)
 Trainable params: 101,770 (397.54 KB)
 Non-trainable params: 0 (0.00 B)
)";

TEST(Summary, IsWhatKerasPrints) {
  Sequential model{Flatten{}, Dense{784, 128, nn::relu}, Dense{128, 10, nn::softmax}};
  EXPECT_EQ(model.summary({28, 28}), as_keras_prints);
}

TEST(Summary, NeedsNoShapeWhereALayerKnowsIt) {
  Sequential model{Flatten{}, Dense{784, 128, nn::relu}, Dense{128, 10, nn::softmax}};
  EXPECT_EQ(model.summary(), as_keras_prints);
}

TEST(Summary, ShowsAModelOfOnesOwnWithItsParts) {
  Mlp model;
  EXPECT_EQ(model.summary({28, 28}),
            R"(Model: "mlp"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ hidden (Sequential)             │ (None, 64)             │       869,440 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ output (Dense)                  │ (None, 10)             │           650 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ temperature (Parameter)         │ -                      │             1 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 870,091 (3.32 MB)
 Trainable params: 870,091 (3.32 MB)
 Non-trainable params: 0 (0.00 B)
)");
}

TEST(Summary, ShowsQuestionMarksForShapesThatNobodyKnows) {
  Sequential model{nn::relu, Flatten{}};
  const std::string text = model.summary();
  EXPECT_NE(text.find("│ activation (Activation)         │ ?                      │             0 │"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(" Total params: 0 (0.00 B)"), std::string::npos) << text;
  EXPECT_NE(model.summary({3, 4}).find("(None, 12)"), std::string::npos);
  EXPECT_NE(model.summary(Shape{}).find("(None,)"), std::string::npos);
}

TEST(Summary, ShowsQuestionMarksWhereTheFirstLayerTakesNoNumbersOfThatType) {
  class Embedding : public Module {
   public:
    Tensor forward(const Tensor& x) override { return take(rows.value(), x); }
    void visit(Visitor& v) override { v("rows", rows, nn::ones); }
    Parameter rows{wengert::zeros({9, 4})};
  };
  Sequential model{Embedding{}, Dense{4, 2}};
  EXPECT_NE(model.summary().find("│ dense (Dense)                   │ ?  "), std::string::npos);
  EXPECT_THROW(model.summary({3}), DTypeError);
}

TEST(Summary, ShowsAModelOfTokens) {
  Sequential model = test::token_model();
  const std::string text = model.summary({5});
  EXPECT_NE(text.find("│ embedding (Embedding)           │ (None, 5, 4)           │            28 │"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("│ dense (Dense)                   │ (None, 3)              │            63 │"),
            std::string::npos)
      << text;
}

TEST(Summary, TakesNoShapeFromALayerOfNumbersBehindOneOfTokens) {
  Sequential model{test::Embedding{9, 4}, Dense{4, 2}};
  EXPECT_NE(model.summary().find("│ dense (Dense)                   │ ?  "), std::string::npos) << model.summary();
}

TEST(Summary, GrowsWithLongNames) {
  Sequential model{named("a_name_that_is_longer_than_the_column_is_wide", Dense{2, 2})};
  EXPECT_NE(model.summary().find("│ a_name_that_is_longer_than_the_column_is_wide (Dense) │ (None, 2) "),
            std::string::npos)
      << model.summary();
}

TEST(Summary, CountsTheBytesOfTheDtype) {
  Sequential model{Dense{784, 128, {}, {.dtype = DType::f64}}};
  EXPECT_NE(model.summary().find("100,480 (785.00 KB)"), std::string::npos) << model.summary();
}

TEST(Summary, ReportsASampleThatDoesNotFit) {
  Sequential model{Flatten{}, Dense{784, 128}};
  EXPECT_THROW(model.summary({27, 28}), ShapeError);
}

TEST(Summary, LeavesAModelAsItWas) {
  class Counting : public Module {
   public:
    Tensor forward(const Tensor& x) override {
      if (is_training()) calls.assign(calls.value() + 1);
      return x * scale;
    }
    void visit(Visitor& visitor) override {
      visitor("steps", steps);
      visitor("scale", scale, nn::ones);
    }
    Slot calls{Tensor(0)};
    Parameter steps{Tensor(0)}, scale{wengert::zeros({3})};
  } model;
  EXPECT_NE(model.summary({3}).find("Total params: 4"), std::string::npos)
      << "although its first parameter is an integer";
  EXPECT_EQ(model.calls.value().item<int>(), 0);
  EXPECT_TRUE(model.is_training());
}

TEST(Summary, DrawsPartsByTheirPaths) {
  struct Scores : Module {
    Tensor forward(const Tensor& x) override { return output(cast(x, DType::f32)); }
    void visit(Visitor& v) override { v("output", output); }
    DType input_dtype() override { return DType::i32; }
    Dense output{4, 3};
  };
  Scores summarized, listed;
  static_cast<void>(summarized.summary());
  EXPECT_TRUE(same_bits(summarized.parameters()[0].value(), listed.parameters()[0].value()));
}

}  // namespace
}  // namespace wengert::nn

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include "support/token_models.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

// Spellings that must compile, and some that must not.
static_assert(std::is_copy_constructible_v<Sequential> && std::is_nothrow_move_constructible_v<Sequential>);
static_assert(std::is_constructible_v<Sequential, Dense> && !std::is_convertible_v<Dense, Sequential>);
static_assert(std::is_constructible_v<Sequential, Flatten, Sequential, NamedActivation, Named<Dense>, Activation>);
static_assert(!std::is_constructible_v<Sequential, int> && !std::is_constructible_v<Sequential, Flatten, std::string>);
static_assert(!std::is_constructible_v<Sequential, std::unique_ptr<Dense>>);

std::vector<std::string> names(Module& module) {
  std::vector<std::string> result;
  for (const auto& entry : module.named_parameters()) result.push_back(entry.first);
  return result;
}

const Tensor input({1.0F, -1.0F, 2.0F, 0.5F}, {2, 2});

TEST(Sequential, AppliesItsLayersInOrder) {
  Dense doubled{2, 2, {}, {.bias = false}};
  doubled.weight().assign(Tensor({2.0F, 0.0F, 0.0F, 2.0F}, {2, 2}));
  Sequential model{doubled, nn::relu, nn::leaky_relu(0.5)};
  EXPECT_EQ(values<float>(model(input)), (std::vector<float>{2, 0, 4, 1}));
  Sequential empty;
  EXPECT_EQ(values<float>(empty(input)), values<float>(input));
}

TEST(Sequential, NamesLayersByTheirClass) {
  Sequential model{Flatten{}, Dense{2, 2}, nn::relu, Dense{2, 2}, Dense{2, 1, {}, {.bias = false}}};
  EXPECT_EQ(names(model), (std::vector<std::string>{"dense.weight", "dense.bias", "dense_1.weight", "dense_1.bias",
                                                    "dense_2.weight"}));
  EXPECT_EQ(&model["activation"], &model[2]);
  EXPECT_EQ(&model["flatten"], &model[0]);
}

TEST(Sequential, TakesNames) {
  Sequential model{named("hidden", Dense{2, 3, nn::relu}), named("act", nn::sigmoid), named("output", Dense{3, 1})};
  model.add("last", Dense{1, 1});
  EXPECT_EQ(names(model), (std::vector<std::string>{"hidden.weight", "hidden.bias", "output.weight", "output.bias",
                                                    "last.weight", "last.bias"}));
  EXPECT_EQ(&model["act"], &model[1]);
}

TEST(Sequential, GivesAFreeNameWhereTheUsualOneIsTaken) {
  Sequential model{named("dense", Dense{2, 2}), named("dense_1", Dense{2, 2}), Dense{2, 2}};
  EXPECT_EQ(&model["dense_2"], &model[2]);
}

TEST(Sequential, RefusesNamesThatCannotBeFoundAgain) {
  Sequential model{named("hidden", Dense{2, 2})};
  EXPECT_THROW(model.add("hidden", Dense{2, 2}), ValueError);
  EXPECT_THROW(model.add("", Dense{2, 2}), ValueError);
  EXPECT_THROW(model.add("a.b", Dense{2, 2}), ValueError);
  EXPECT_THROW(model[1], ValueError);
  try {
    model["output"];
    FAIL() << "found a layer that is not there";
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "sequential: no layer 'output'; it has hidden");
  }
}

TEST(Sequential, RefusesALayerOfWhichItWouldTakeAPart) {
  struct Doubled : Dense {
    using Dense::Dense;
    Tensor forward(const Tensor& x) override { return Dense::forward(x) * 2.0; }
  } doubled{2, 2};
  const Dense& dense = doubled;
  const std::string expected =
      "copy: a Doubled is given as the class that it is derived from, and the copy would be no more than that";
  Sequential model;
  EXPECT_EQ(message_of<ValueError>([&] { model.add(dense); }), expected);
  EXPECT_EQ(message_of<ValueError>([&] { model.add("name", dense); }), expected);
  EXPECT_EQ(message_of<ValueError>([&] { static_cast<void>(nn::clone(dense)); }), expected);
  EXPECT_EQ(model.size(), 0U);
  model.add(doubled);
  EXPECT_EQ(values<float>(model(input)), values<float>(doubled(input)));
}

TEST(Sequential, Nests) {
  Sequential model{Flatten{}, Sequential{Dense{2, 3, nn::tanh}, Dense{3, 2}}, Sequential{Dense{2, 1}}};
  EXPECT_EQ(names(model), (std::vector<std::string>{"sequential.dense.weight", "sequential.dense.bias",
                                                    "sequential.dense_1.weight", "sequential.dense_1.bias",
                                                    "sequential_1.dense.weight", "sequential_1.dense.bias"}));
  EXPECT_EQ(model(input).shape(), (Shape{2, 1}));
}

TEST(Sequential, CopiesShareParametersAndClonesDoNot) {
  Sequential model{Dense{2, 2}, Sequential{Dense{2, 1}}};
  Sequential copy{model};  // one argument: a copy, not a model in a model
  Sequential assigned;
  assigned = model;
  Sequential clone = model.clone();
  EXPECT_EQ(copy.size(), 2U);
  EXPECT_EQ(names(copy), names(model));
  EXPECT_EQ(values<float>(clone(input)), values<float>(model(input)));

  model.initialize(3);
  EXPECT_EQ(values<float>(copy(input)), values<float>(model(input)));
  EXPECT_EQ(values<float>(assigned(input)), values<float>(model(input)));
  EXPECT_NE(values<float>(clone(input)), values<float>(model(input)));
}

TEST(Sequential, CopiesStandOnTheirOwnOtherwise) {
  Sequential model{Dense{2, 2}};
  Sequential copy = model;
  copy.add(Dense{2, 1});
  copy.eval();
  EXPECT_EQ(model.size(), 1U);
  EXPECT_TRUE(model[0].is_training());
  EXPECT_FALSE(copy[0].is_training());
}

TEST(Sequential, MovesAndOutlivesWhatItWasMadeOf) {
  const auto make = [] {
    Sequential inner{Dense{2, 2, nn::relu}};
    Sequential outer{std::move(inner), Dense{2, 1}};
    return outer;
  };
  Sequential model = make();
  const auto before = values<float>(model(input));
  Sequential moved = std::move(model);
  EXPECT_EQ(values<float>(moved(input)), before);
}

TEST(Sequential, DrawsAndNamesALayerThatIsAddedLater) {
  Sequential at_once{Dense{2, 2}, Dense{2, 2}};
  Sequential later{Dense{2, 2}};
  later(input);
  later.add(Dense{2, 2});
  EXPECT_EQ(values<float>(later(input)), values<float>(at_once(input)));
  EXPECT_EQ(names(later), names(at_once));
}

TEST(Sequential, TakesTheIntegersThatItsFirstLayerTakes) {
  EXPECT_EQ(test::token_model().input_dtype(), DType::i32);
  Sequential outer{test::token_model(), Dense{3, 2}};
  EXPECT_EQ(outer.input_dtype(), DType::i32);
  EXPECT_EQ(names(outer)[0], "sequential.embedding.rows");
  EXPECT_EQ((Sequential{Dense{3, 2}, test::Embedding{7, 4}}.input_dtype()), DType::f32);
  EXPECT_EQ((Sequential{Flatten{}, test::Embedding{7, 4}}.input_dtype()), DType::i32);
  EXPECT_EQ((Sequential{Flatten{}, Dense{3, 2, {}, {.dtype = DType::f64}}}.input_dtype()), DType::f64);
  EXPECT_EQ(Sequential{}.input_dtype(), DType::f32);
}

}  // namespace
}  // namespace wengert::nn

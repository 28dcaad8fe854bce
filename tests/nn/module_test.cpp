#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/models.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/tape.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

using test::four_numbers, test::Mlp, test::names;

/// A layer with a parameter of its own and one that it need not have.
class Scale : public Module {
 public:
  Tensor forward(const Tensor& x) override { return x * gain; }
  void visit(Visitor& v) override {
    v("gain", gain, nn::constant(2));
    v("shift", shift);
  }
  Parameter gain{wengert::zeros({3})};
  std::optional<Parameter> shift;
};

/// Both halves use one weight.
class Tied : public Module {
 public:
  Tensor forward(const Tensor& x) override { return second(first(x)); }
  void visit(Visitor& v) override {
    v("first", first);
    v("second", second);
  }
  Dense first{3, 3}, second = first;
};

TEST(Module, NamesItsParametersByTheirPath) {
  Mlp model;
  EXPECT_EQ(names(model), (std::vector<std::string>{"hidden.weight", "hidden.bias", "output.weight", "output.bias"}));
  EXPECT_EQ(model.parameters().size(), 4U);
}

TEST(Module, KeepsTheNamesWhenAPartIsAskedAlone) {
  Mlp model;
  model(four_numbers);
  EXPECT_EQ(names(model.hidden), (std::vector<std::string>{"hidden.weight", "hidden.bias"}));
  EXPECT_EQ(model.hidden.weight().name(), "hidden.weight");
}

TEST(Module, BuiltTwiceStartsWithTheSameBits) {
  Mlp first;
  Mlp second;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(values<float>(first.parameters()[i]), values<float>(second.parameters()[i])) << i;
    EXPECT_FALSE(first.parameters()[i] == second.parameters()[i]) << i;
  }
}

TEST(Module, FirstUseDrawsTheSameBitsAsListing) {
  Mlp listed;
  Mlp called;
  const Tensor result = called(four_numbers);
  listed.parameters();
  EXPECT_EQ(values<float>(listed(four_numbers)), values<float>(result));
}

TEST(Module, DrawsByTheirPathsThePartsThatAMethodOfOnesOwnUses) {
  struct Pair : Module {
    Tensor forward(const Tensor& x) override { return similarity(x, x); }
    void visit(Visitor& v) override { v("left", left), v("right", right); }
    Tensor similarity(const Tensor& a, const Tensor& b) {
      build();
      return sum(left(a) * right(b), {1});
    }
    Dense left{4, 3}, right{4, 3};
  };
  Pair used, listed;
  used.similarity(four_numbers, four_numbers);
  EXPECT_EQ(used.left.weight().name(), "left.weight");
  EXPECT_NE(values<float>(used.left.weight()), values<float>(used.right.weight()));
  listed.parameters();
  EXPECT_EQ(values<float>(used.left.weight()), values<float>(listed.left.weight()));
  EXPECT_EQ(values<float>(used.right.weight()), values<float>(listed.right.weight()));
}

TEST(Module, DrawsDifferentNumbersForDifferentPathsAndSeeds) {
  Sequential model{Dense{3, 3}, Dense{3, 3}};
  const auto parameters = model.parameters();
  EXPECT_NE(values<float>(parameters[0]), values<float>(parameters[2]));

  const auto before = values<float>(parameters[0]);
  model.initialize(1);
  EXPECT_NE(values<float>(parameters[0]), before);
  model.initialize();
  EXPECT_EQ(values<float>(parameters[0]), before);  // 0 unless told, and the first draw is that of seed 0
}

TEST(Module, InitializingAPartDrawsWhatTheWholeDrawsForIt) {
  Mlp whole;
  Mlp part;
  whole.initialize(5);
  part.parameters();
  part.output.initialize(5);
  EXPECT_EQ(values<float>(whole.output.weight()), values<float>(part.output.weight()));
}

TEST(Module, DoesNotDrawAnewWhatWasSetBeforeItBecamePartOfAModel) {
  Dense layer{2, 1};
  layer.weight().assign(Tensor({5.0F, 7.0F}, {2, 1}));
  Sequential model{std::move(layer)};
  EXPECT_EQ(values<float>(model.parameters()[0]), (std::vector<float>{5, 7}));
  EXPECT_EQ(names(model), (std::vector<std::string>{"dense.weight", "dense.bias"}));
}

TEST(Module, DoesNotDrawWhatWasAssignedBeforeItWasNamed) {
  class Filled : public Module {
   public:
    Tensor forward(const Tensor& x) override { return x * factor.value(); }
    void visit(Visitor& v) override { v("factor", factor, ones); }
    Parameter factor{Tensor({1.0F, 2.0F})};
  };
  Filled assigned, fresh;
  assigned.factor.assign(Tensor({5.0F, 7.0F}));
  Filled cloned;
  cloned.factor = assigned.factor.clone();
  EXPECT_EQ(values<float>(cloned.parameters()[0]), (std::vector<float>{5, 7}));
  EXPECT_EQ(values<float>(assigned.parameters()[0]), (std::vector<float>{5, 7}));
  EXPECT_EQ(values<float>(fresh.parameters()[0]), (std::vector<float>{1, 1}));
}

TEST(Module, OfTwoThatShareALayerGivesThePathInTheOneThatIsAsked) {
  Sequential part{Dense{2, 2}};
  part.parameters();
  Sequential whole{part, Dense{2, 3}};
  const auto path = [](Module& module) { return module.named_parameters()[0].first; };
  EXPECT_EQ(path(whole), "sequential.dense.weight");
  EXPECT_EQ(path(part), "dense.weight");
  EXPECT_EQ(part.parameters()[0], whole.parameters()[0]);

  Sequential fresh{Dense{2, 2}};
  fresh.initialize(1);
  part.initialize(1);
  EXPECT_EQ(values<float>(part.parameters()[0]), values<float>(fresh.parameters()[0]));
}

TEST(Module, OfALayerThatIsListedTwiceKnowsTheFirstPath) {
  struct Twice : Module {
    Tensor forward(const Tensor& x) override { return part(part(x)); }
    void visit(Visitor& v) override {
      v("a", part);
      v("b", part);
    }
    Sequential part{Dense{4, 4}};
  };
  Twice early, late;
  late.parameters();
  for (Twice* model : {&early, &late}) {
    model->part.add(Dense{4, 4});
    EXPECT_EQ(names(*model),
              (std::vector<std::string>{"a.dense.weight", "a.dense.bias", "a.dense_1.weight", "a.dense_1.bias"}));
  }
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(values<float>(early.parameters()[i]), values<float>(late.parameters()[i])) << i;
  const auto before = values<float>(early.parameters()[0]);
  early.initialize();
  EXPECT_EQ(values<float>(early.parameters()[0]), before);
}

TEST(Module, CopiesShareParametersAndClonesDoNot) {
  Mlp original;
  Mlp copy = original;
  Mlp clone = nn::clone(original);
  EXPECT_EQ(values<float>(copy(four_numbers)), values<float>(original(four_numbers)));
  EXPECT_EQ(values<float>(clone(four_numbers)), values<float>(original(four_numbers)));
  EXPECT_EQ(names(clone), names(original));

  original.output.bias()->assign(Tensor({1.0F, 2.0F, 3.0F}));
  EXPECT_EQ(values<float>(copy(four_numbers)), values<float>(original(four_numbers)));
  EXPECT_NE(values<float>(clone(four_numbers)), values<float>(original(four_numbers)));
}

TEST(Module, IsNotChangedWhereAPartIsCloned) {
  Mlp model, fresh;
  const Dense clone = model.output.clone();
  EXPECT_EQ(names(model), names(fresh));
  EXPECT_EQ(values<float>(model.output.weight()), values<float>(fresh.output.weight()));
  EXPECT_EQ(values<float>(Dense(clone).weight()), values<float>(Dense(3, 3).weight())) << "drawn as it stands";
}

TEST(Module, ListsASharedParameterOnceAndClonesKeepItShared) {
  Tied model;
  EXPECT_EQ(names(model), (std::vector<std::string>{"first.weight", "first.bias"}));
  Tied clone = nn::clone(model);
  EXPECT_EQ(clone.parameters().size(), 2U);
  EXPECT_TRUE(clone.first.weight() == clone.second.weight());
  EXPECT_FALSE(clone.first.weight() == model.first.weight());
}

TEST(Module, MayHoldParametersDirectlyAndLeaveSomeOut) {
  Scale scale;
  EXPECT_EQ(names(scale), (std::vector<std::string>{"gain"}));
  EXPECT_EQ(values<float>(scale(Tensor({1.0F, 2.0F, 3.0F}))), (std::vector<float>{2, 4, 6}));
  scale.shift.emplace(wengert::ones({3}), "");
  EXPECT_EQ(scale.named_parameters()[1].first, "shift");
}

TEST(Module, SetsTheModeOfEveryPart) {
  Mlp model;
  Sequential outer{Flatten{}, std::move(model)};
  auto& inner = dynamic_cast<Mlp&>(outer["mlp"]);
  EXPECT_TRUE(outer.is_training());
  outer.eval();
  EXPECT_FALSE(outer.is_training());
  EXPECT_FALSE(inner.is_training());
  EXPECT_FALSE(inner.hidden.is_training());
  outer.train();
  EXPECT_TRUE(inner.hidden.is_training());
}

TEST(Module, ConvertsEveryParameter) {
  Mlp model;
  const auto before = values<float>(model.hidden.weight());
  model.to(DType::f64);
  const Parameter weight = model.hidden.weight();
  ASSERT_EQ(weight.dtype(), DType::f64);
  EXPECT_EQ(weight.name(), "hidden.weight");
  EXPECT_EQ(values<float>(cast(weight.value(), DType::f32)), before);
  EXPECT_EQ(model(wengert::ones({2, 4}, DType::f64)).dtype(), DType::f64);
  EXPECT_THROW(model.to(DType::i32), DTypeError);
}

TEST(Module, ConvertsNoIntegers) {
  class Counted : public Module {
   public:
    Tensor forward(const Tensor& x) override { return x * factor.value(); }
    void visit(Visitor& v) override { v("calls", calls), v("factor", factor); }
    Parameter calls{Tensor({(1 << 24) + 1})}, factor{Tensor({0.5F})};
  } model;
  model.to(DType::f64);
  EXPECT_EQ(values<int>(model.calls), (std::vector<int>{(1 << 24) + 1}));
  EXPECT_EQ(model.factor.dtype(), DType::f64);
}

TEST(Module, StartsInF32WhereTheSameModelStartsInF64) {
  Dense narrow{5, 4};
  Dense wide{5, 4, {}, {.dtype = DType::f64}};
  EXPECT_EQ(values<float>(cast(wide.weight().value(), DType::f32)), values<float>(narrow.weight()));
}

TEST(Module, GivesGradientsOfEveryParameterThatTookPart) {
  Mlp model;
  Tape tape;
  const Gradients gradients = tape.gradient(sum(model(four_numbers)));
  EXPECT_EQ(gradients.size(), 4U);
  for (const Parameter& parameter : model.parameters()) EXPECT_TRUE(gradients.contains(parameter)) << parameter.name();
}

TEST(Module, RefusesTwoParametersOfOnePath) {
  class Twice : public Module {
   public:
    Tensor forward(const Tensor& x) override { return second(first(x)); }
    void visit(Visitor& visitor) override { visitor("dense", first), visitor("dense", second); }
    Dense first{2, 2}, second{2, 2};
  } module;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(message_of<ValueError>([&] { module.parameters(); }),
              "visit: two parameters are called 'dense.weight'; give each part a name of its own");
  }
  EXPECT_THROW(module(Tensor({{1.0F, 2.0F}})), ValueError);
}

TEST(Module, DrawsAgainWhereAnInitialiserHasThrown) {
  const auto wrong = [](const Shape& shape, Generator&, DType) { return wengert::ones(shape, DType::f64); };
  Dense dense{2, 2, nn::linear, {.initializer = wrong}};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(message_of<DTypeError>([&] { dense.parameters(); }),
              "initializer: parameter 'weight' is f32 [2, 2]; it was given f64 [2, 2]");
  }
}

TEST(Module, IsNotHalfDrawnAnewWhereAnInitialiserThrows) {
  bool fails = false;
  bool of_another_shape = false;
  const auto late = [&](const Shape& shape, Generator&, DType dtype) {
    return fails ? throw ValueError("late") : wengert::ones(of_another_shape ? Shape{2} : shape, dtype);
  };
  Sequential model{Dense{2, 2}, Dense{2, 2, nn::linear, {.initializer = late}}};
  const auto before = values<float>(model.parameters()[0]);
  fails = true;
  EXPECT_THROW(model.initialize(1), ValueError);
  EXPECT_EQ(values<float>(model.parameters()[0]), before);
  fails = false;
  of_another_shape = true;
  EXPECT_EQ(message_of<ShapeError>([&] { model.initialize(1); }),
            "initializer: parameter 'dense_1.weight' is f32 [2, 2]; it was given f32 [2]");
  EXPECT_EQ(values<float>(model.parameters()[0]), before);
}

TEST(Module, DrawsAPartAgainWhereItsInitialiserHasThrown) {
  bool fails = true;
  const auto late = [&](const Shape& shape, Generator&, DType dtype) {
    return fails ? throw ValueError("late") : wengert::ones(shape, dtype);
  };
  Mlp model;
  model.hidden = Dense{4, 3, nn::relu, {.initializer = late}};
  EXPECT_THROW(model(four_numbers), ValueError);
  EXPECT_THROW(model.hidden(four_numbers), ValueError);
  fails = false;
  EXPECT_NE(model.hidden(four_numbers).data<float>()[0], 0.0F);
  EXPECT_EQ(names(model).size(), 4U);
}

}  // namespace
}  // namespace wengert::nn

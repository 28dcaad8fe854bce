#include <string>
#include <utility>
#include <vector>

#include "support/message_of.h"
#include "support/models.h"
#include "support/stateful_models.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/nn.h>

/// What a module keeps and no optimiser trains: slots, and generators of random numbers.

namespace wengert::nn {
namespace {

using test::Dropout, test::four_numbers, test::names, test::Normalize;

std::vector<std::string> paths(const std::vector<std::pair<std::string, Slot>>& named) {
  std::vector<std::string> result;
  for (const auto& entry : named) result.push_back(entry.first);
  return result;
}
std::vector<std::string> slot_names(Module& module) { return paths(module.named_slots()); }

Sequential normalized() { return {Dense{4, 3}, Normalize{3}}; }

const Tensor two_rows({1.0F, -2.0F, 0.5F, 3.0F, 2.0F, 1.0F, -1.0F, 0.0F}, {2, 4});

TEST(Slots, AreNamedByTheirPathAndAreNoParameters) {
  Sequential model = normalized();
  EXPECT_EQ(slot_names(model), (std::vector<std::string>{"normalize.average", "normalize.batches"}));
  EXPECT_EQ(names(model), (std::vector<std::string>{"dense.weight", "dense.bias", "normalize.shift"}));
  EXPECT_EQ(slot_names(model[1]), slot_names(model));
}

TEST(Slots, AreSharedByCopiesAndNotByClones) {
  Sequential model = normalized();
  model(two_rows);
  Sequential copy = model, clone = nn::clone(model);
  const auto average = [](Sequential& of) { return of.named_slots()[0].second.value(); };
  const Tensor before = average(model);
  EXPECT_TRUE(same_bits(average(clone), before));
  model(two_rows + 1.0);
  EXPECT_TRUE(same_bits(average(copy), average(model)));
  EXPECT_FALSE(same_bits(average(model), before));
  EXPECT_TRUE(same_bits(average(clone), before));
}

/// Lists one layer twice.
struct Twice : Module {
  Tensor forward(const Tensor& x) override { return second(first(x)); }
  void visit(Visitor& v) override { v("first", first), v("second", second); }
  Normalize first{4}, second = first;
};

TEST(Slots, ThatAreSharedWithinAModelAreListedOnceAndStaySoInAClone) {
  Twice model;
  EXPECT_EQ(slot_names(model), (std::vector<std::string>{"first.average", "first.batches"}));
  Twice clone = nn::clone(model);
  EXPECT_TRUE(clone.first.average == clone.second.average);
  EXPECT_FALSE(clone.first.average == model.first.average);
  EXPECT_FALSE(clone.first.average == clone.first.batches);
  clone(two_rows);
  EXPECT_EQ(values<int>(clone.first.batches.value()), std::vector<int>{2});
  EXPECT_EQ(values<int>(model.first.batches.value()), std::vector<int>{0});
}

TEST(Slots, AreConvertedWhereTheyAreFloating) {
  Sequential model = normalized();
  model.to(DType::f64);
  EXPECT_EQ(model(cast(two_rows, DType::f64)).dtype(), DType::f64);
  const auto slots = model.named_slots();
  EXPECT_EQ(slots[0].second.value().dtype(), DType::f64);
  EXPECT_EQ(slots[1].second.value().dtype(), DType::i32);
}

TEST(Slots, AreNonTrainableInASummary) {
  Sequential model{Dense{4, 3}, Normalize{3}, Dropout{}};
  const std::string text = model.summary();
  EXPECT_NE(text.find("│ normalize (Normalize)           │ (None, 3)              │             7 │"), text.npos);
  EXPECT_NE(text.find("│ dropout (Dropout)               │ (None, 3)              │             0 │"), text.npos);
  EXPECT_NE(text.find(" Total params: 22 (88.00 B)\n Trainable params: 18 (72.00 B)\n"
                      " Non-trainable params: 4 (16.00 B)\n"),
            text.npos)
      << text;
  EXPECT_NE(model[1].summary().find("│ average (Slot)                  │ -                      │             3 │"),
            text.npos)
      << model[1].summary();
  EXPECT_EQ(values<int>(model.named_slots()[1].second.value()), std::vector<int>{0});
  Twice twice;
  EXPECT_NE(twice.summary().find("Non-trainable params: 5 (20.00 B)"), text.npos) << twice.summary();
}

TEST(Slots, OfOnePathAreRefused) {
  struct Alike : Module {
    Tensor forward(const Tensor& x) override { return x; }
    void visit(Visitor& v) override {
      if (has_parameter) v("mean", parameter);
      v("mean", first);
      if (!has_parameter) v("mean", second);
    }
    bool has_parameter = false;
    Parameter parameter{wengert::zeros({2})};
    Slot first{Tensor(1)}, second{Tensor(1)};
  };
  for (const bool has_parameter : {false, true}) {
    Alike alike;
    alike.has_parameter = has_parameter;
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(message_of<ValueError>([&] { alike.parameters(); }),
                "visit: two parameters, slots or generators are called 'mean'; give each part a name of its own");
    }
    EXPECT_THROW(alike.named_slots(), ValueError);
    EXPECT_THROW(alike(two_rows), ValueError);
  }
}

TEST(Slots, OfOnePathAreRefusedWhereOneIsAddedLater) {
  struct Alike : Module {
    Tensor forward(const Tensor& x) override { return x; }
    void visit(Visitor& v) override {
      for (Normalize& layer : layers) v("layer", layer);
    }
    std::vector<Normalize> layers{Normalize{4}};
  } alike;
  alike.parameters();
  Normalize other = alike.layers[0];
  other.average = Slot(Tensor(1));
  alike.layers.push_back(other);
  EXPECT_EQ(message_of<ValueError>([&] { alike.named_slots(); }),
            "visit: two parameters, slots or generators are called 'layer.average'; give each part a name of its own");
}

Sequential dropping() { return {Dropout{}, Dropout{}}; }

const Tensor many = wengert::ones({4, 50});

/// What each of the two layers draws next, for ones.
std::pair<std::vector<float>, std::vector<float>> masks(Sequential& model) {
  model.parameters();
  return {values<float>(model[0](many)), values<float>(model[1](many))};
}

TEST(Generators, DrawByTheirPath) {
  Sequential model = dropping(), same = dropping(), listed = dropping();
  EXPECT_EQ(paths(model.named_generators()), (std::vector<std::string>{"dropout.generator", "dropout_1.generator"}));
  const auto drawn = masks(model);
  EXPECT_NE(drawn.first, drawn.second);
  EXPECT_EQ(masks(same), drawn);
  const auto next = masks(model);
  EXPECT_NE(next, drawn);
  model.add(Dropout{});  // names and draws anew
  EXPECT_NE(masks(model), drawn);
  const auto once = compile([&](const Tensor& x) { return listed[0](x); });
  listed.parameters();
  EXPECT_EQ(values<float>(once(many)), drawn.first);
  EXPECT_EQ(values<float>(once(many)), next.first);
}

TEST(Generators, AreNamedWhereTheirModelIsFirstUsedWithinACompiledFunction) {
  Sequential model = dropping(), eager = dropping();
  const auto compiled = compile([&](const Tensor& x) { return model(x); });
  for (int call = 0; call < 3; ++call) EXPECT_TRUE(same_bits(compiled(many), eager(many))) << call;
  const auto drawn = masks(model);
  EXPECT_NE(drawn.first, drawn.second);
}

TEST(Generators, AreSetByInitialize) {
  Sequential model = dropping();
  const auto first = masks(model);
  model.initialize(1);
  const auto other = masks(model);
  EXPECT_NE(other, first);
  model.initialize(1);
  EXPECT_EQ(masks(model), other);
  model.initialize();
  EXPECT_EQ(masks(model), first);
}

TEST(Generators, ThatAreListedTwiceGoByTheirFirstPath) {
  struct DropsTwice : Module {
    Tensor forward(const Tensor& x) override { return dropout(x); }
    void visit(Visitor& v) override { v("first", dropout), v("second", dropout); }
    Dropout dropout;
  };
  DropsTwice built, initialized;
  initialized.initialize();
  EXPECT_TRUE(same_bits(built(many), initialized(many)));
}

TEST(Generators, KeepTheSeedAndTheStreamThatTheyWereGiven) {
  Dropout seeded, streamed, drawn;
  seeded.generator = Generator(7);
  streamed.generator = Generator(7, 3);
  drawn.generator.next();
  Sequential model{seeded, streamed, drawn};
  model.parameters();
  const auto generator = [&](std::size_t i) { return dynamic_cast<Dropout&>(model[i]).generator; };
  EXPECT_EQ(generator(0).seed(), 7U);
  EXPECT_NE(generator(0).stream(), 0U);
  EXPECT_EQ(generator(1).stream(), 3U);
  EXPECT_EQ(generator(2).stream(), 0U);
  EXPECT_EQ(generator(2).position(), 1U);
}

TEST(Generators, GoOnByThemselvesInClones) {
  Sequential model = dropping();
  masks(model);
  Sequential clone = nn::clone(model);
  const auto next = masks(model);
  EXPECT_EQ(masks(clone), next);
  Sequential unused = nn::clone(dropping());
  const auto drawn = masks(unused);
  EXPECT_NE(drawn.first, drawn.second);
}

}  // namespace
}  // namespace wengert::nn

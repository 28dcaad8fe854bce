#include <string>
#include <vector>

#include "support/message_of.h"
#include "support/models.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/nn/nn.h>

/// Parts that a model gets when it was used or listed already.

namespace wengert::nn {
namespace {

using test::four_numbers, test::Mlp, test::names;

TEST(Module, NamesWhatIsAddedToAPartLater) {
  struct Net : Module {
    Tensor forward(const Tensor& x) override { return dense(body(x)); }
    void visit(Visitor& v) override {
      v("body", body);
      v("dense", dense);
    }
    Sequential body{Dense{4, 4}};
    Dense dense{4, 2};
  };
  const std::vector<std::string> expected{"body.dense.weight", "body.dense.bias", "body.dense_1.weight",
                                          "body.dense_1.bias", "dense.weight",    "dense.bias"};
  Net listed, used, whole;
  listed.parameters();
  used(four_numbers);
  for (Net* net : {&listed, &used, &whole}) net->body.add(Dense{4, 4});
  used(four_numbers);
  for (Net* net : {&listed, &used, &whole}) {
    EXPECT_EQ(names(*net), expected);
    EXPECT_EQ(values<float>(net->parameters()[2]), values<float>(whole.parameters()[2]));
  }
}

TEST(Module, NamesAndDrawsByItsPathWhatIsPutInThePlaceOfAPart) {
  Mlp listed, used, fresh;
  listed.parameters();
  used(four_numbers);
  for (Mlp* model : {&listed, &used}) {
    model->hidden = Dense{4, 3, nn::relu};
    model->output = Dense{3, 3};
  }
  used(four_numbers);
  for (Mlp* model : {&listed, &used}) {
    EXPECT_EQ(names(*model), names(fresh));
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_EQ(values<float>(model->parameters()[i]), values<float>(fresh.parameters()[i])) << i;
  }
}

TEST(Module, NamesAndDrawsByItsPathWhatIsAddedToAContainerLater) {
  struct Stack : Module {
    Tensor forward(const Tensor& x) override {
      Tensor y = x;
      for (Sequential& layer : layers) y = layer(y);
      return y;
    }
    void visit(Visitor& v) override {
      for (std::size_t i = 0; i < layers.size(); ++i) v(std::to_string(i), layers[i]);
    }
    void add() { layers.emplace_back(Dense{4, 4}); }
    std::vector<Sequential> layers;
  };
  Stack listed, used, whole;
  for (Stack* stack : {&listed, &used, &whole}) stack->add();
  listed.parameters();
  used(four_numbers);
  for (Stack* stack : {&listed, &used, &whole}) stack->add(), stack->add();
  used(four_numbers);
  for (Stack* stack : {&used, &listed}) {
    EXPECT_EQ(stack->parameters()[4].name(), "2.dense.weight");
    EXPECT_EQ(names(*stack), names(whole));
    for (std::size_t i = 0; i < 6; ++i)
      EXPECT_EQ(values<float>(stack->parameters()[i]), values<float>(whole.parameters()[i])) << i;
  }
}

TEST(Module, NamesAndDrawsByItsPathWhatIsNewInAModelThatAnotherCalls) {
  struct Student : Module {
    explicit Student(Mlp& model) : teacher(&model) {}
    Tensor forward(const Tensor& x) override { return (*teacher)(x); }
    void visit(Visitor&) override {}
    Mlp* teacher;
  };
  Mlp teacher, fresh;
  teacher(four_numbers);
  teacher.hidden = Dense{4, 3, nn::relu};
  Student student(teacher);
  student(four_numbers);
  EXPECT_EQ(teacher.parameters()[0].name(), "hidden.weight");
  EXPECT_EQ(values<float>(teacher.parameters()[0]), values<float>(fresh.parameters()[0]));
}

TEST(Module, RefusesASecondPartOfOnePathThatIsAddedLater) {
  struct Alike : Module {
    Tensor forward(const Tensor& x) override { return layers[0](x); }
    void visit(Visitor& v) override {
      for (Dense& layer : layers) v("layer", layer);
    }
    std::vector<Dense> layers;
  };
  Alike alike;
  alike.layers.emplace_back(4, 4);
  alike.parameters();
  alike.layers.emplace_back(4, 4);
  EXPECT_EQ(message_of<ValueError>([&] { alike.parameters(); }),
            "visit: two parameters are called 'layer.weight'; give each part a name of its own");
}

}  // namespace
}  // namespace wengert::nn

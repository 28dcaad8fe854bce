#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "support/apart.h"
#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/nn/nn.h>

namespace wengert::nn {
namespace {

std::string refusal_of(const std::string& name) {
  return message_of<ValueError>([&] { nn::activation(name); });
}

// It would refer to an operation that is gone.
static_assert(std::is_constructible_v<Activation, const Operation&> && !std::is_constructible_v<Activation, Operation>);

const Tensor x({-2.0, -0.5, 0.0, 1.5});

TEST(Activation, IsTheOperationOfThatName) {
  EXPECT_EQ(values(nn::relu(x)), values(wengert::relu(x)));
  EXPECT_EQ(values(nn::activation("gelu")(x)), values(wengert::gelu(x)));
  EXPECT_EQ(values(nn::gelu_tanh(x)), values(wengert::gelu_tanh(x)));
  EXPECT_EQ(values(nn::softmax(x)), values(wengert::softmax(x)));
  EXPECT_EQ(values(nn::linear(x)), values(x));
  EXPECT_EQ(values(Activation{}(x)), values(x));
}

TEST(Activation, TakesItsParameterByValueAndByName) {
  EXPECT_EQ(values(nn::leaky_relu(0.3)(x)), values(wengert::leaky_relu(x, 0.3)));
  EXPECT_EQ(values(nn::activation("leaky_relu:0.3")(x)), values(wengert::leaky_relu(x, 0.3)));
  EXPECT_EQ(values(nn::activation("leaky_relu:3e-1")(x)), values(wengert::leaky_relu(x, 0.3)));
  EXPECT_EQ(values(nn::leaky_relu(x)), values(wengert::leaky_relu(x)));
  EXPECT_EQ(values(nn::elu(0.5)(x)), values(wengert::elu(x, 0.5)));
}

TEST(Activation, IsNamedAsItIsLookedUp) {
  EXPECT_EQ(Activation(nn::relu).name(), "relu");
  EXPECT_EQ(Activation().name(), "linear");
  EXPECT_EQ(Activation(nn::leaky_relu).name(), "leaky_relu");
  EXPECT_EQ(nn::leaky_relu(0.3).name(), "leaky_relu:0.3");
  EXPECT_EQ(nn::leaky_relu(0.01).name(), "leaky_relu");
}

TEST(Activation, EveryOneOfTheCatalogueIsKnownAndNamesItself) {
  for (const std::string& name : activation_names()) {
    const Activation found = nn::activation(name);
    EXPECT_EQ(found.name(), name);
    EXPECT_EQ(Activation(found)(x.reshape({1, 4})).shape(), (Shape{1, 4})) << name;
  }
}

TEST(Activation, EveryOneOfTheCatalogueHasAConstant) {
  const std::vector<NamedActivation> constants{
      nn::celu,      nn::elu,        nn::gelu,   nn::gelu_sigmoid, nn::gelu_tanh,   nn::hard_sigmoid, nn::hard_swish,
      nn::hard_tanh, nn::leaky_relu, nn::linear, nn::log_sigmoid,  nn::log_softmax, nn::mish,         nn::relu,
      nn::selu,      nn::sigmoid,    nn::silu,   nn::softmax,      nn::softplus,    nn::softsign,     nn::tanh};
  std::vector<std::string> names;
  for (const NamedActivation& constant : constants) names.push_back(Activation(constant).name());
  std::vector<std::string> known = activation_names();
  std::sort(known.begin(), known.end());
  EXPECT_EQ(names, known);
}

TEST(Activation, TakesAnOperationDefinedByTheUser) {
  static const Operation cube =
      pointwise("cube_activation", {
                                       .category = Category::activation,
                                       .formula = [](Scalar t, Scalar scale) { return scale * t * t * t; },
                                       .attributes = {{"scale", 1.0}},
                                   });
  Sequential direct{Activation{cube}, Activation{cube, {{"scale", 2.0}}}};
  EXPECT_EQ(values(direct(Tensor({2.0}))), (std::vector<double>{1024}));
  EXPECT_THROW(Activation(cube, {{"slope", 2.0}}), ValueError);

  EXPECT_THROW(nn::activation("cube_activation"), ValueError);
  test::apart([&] {
    register_operation(cube);
    EXPECT_EQ(values(nn::activation("cube_activation:0.5")(Tensor({2.0}))), (std::vector<double>{4}));
  });
}

TEST(Activation, UnknownNamesListTheKnownOnes) {
  const std::string message = refusal_of("gellu:2");
  EXPECT_EQ(message.find("activation 'gellu' is not known; known: "), 0U) << message;
  for (const char* name : {"gelu", "leaky_relu", "linear", "sigmoid"})
    EXPECT_NE(message.find(name), std::string::npos) << name;
  EXPECT_EQ(message.find("matmul"), std::string::npos);
  EXPECT_THROW(nn::activation("matmul"), ValueError);  // an operation, but no activation
  EXPECT_THROW(nn::activation(""), ValueError);
}

TEST(Activation, MalformedParametersAreRefused) {
  EXPECT_EQ(
      refusal_of("leaky_relu:abc"),
      "activation 'leaky_relu:abc': 'abc' is not a number for slope; expected leaky_relu:slope, as in leaky_relu:0.01");
  EXPECT_EQ(refusal_of("relu:1"), "activation 'relu:1': more parameters than it has; expected relu");
  EXPECT_EQ(refusal_of("linear:1"), "activation 'linear:1': linear has no parameter");
  for (const char* name : {"leaky_relu:", "leaky_relu:0.3x", "leaky_relu: 0.3", "leaky_relu:nan", "leaky_relu:inf",
                           "leaky_relu:0.1,0.2", "leaky_relu:0.1,", "softmax:0.5", "softmax:1e30"}) {
    EXPECT_THROW(nn::activation(name), ValueError) << name;
  }
  EXPECT_THROW(nn::relu(0.5), ValueError);
}

TEST(Activation, ParametersThatTheFormulaIsNotMadeForAreRefused) {
  EXPECT_EQ(refusal_of("celu:0"), "celu: alpha is 0; expected a finite number above 0");
  EXPECT_THROW(nn::activation("celu:-1"), ValueError);
  EXPECT_THROW(nn::celu(-1), ValueError);
  for (const double alpha : {0.0, -1.0, static_cast<double>(NAN), static_cast<double>(INFINITY)})
    EXPECT_THROW(wengert::celu(x, alpha), ValueError) << alpha;
  EXPECT_EQ(values(nn::celu(0.5)(x)), values(wengert::celu(x, 0.5)));
}

TEST(Activation, TakesOperationsOfOneTensorAlone) {
  EXPECT_EQ(message_of<ValueError>([] { Activation{*find_operation("add")}; }),
            "activation: add is not of one tensor with one result");
  EXPECT_THROW((Activation{*find_operation("split"), {{"sections", 2}}}), ValueError);
  EXPECT_THROW(Activation{*find_operation("concat")}, ValueError);  // of any number
}

}  // namespace
}  // namespace wengert::nn

// What a compiled function leaves behind that does not come to its end: nothing.

#include <stdexcept>
#include <utility>

#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/host.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/slot.h>

namespace wengert {
namespace {

TEST(CompileUndo, ACallAfterOneThatThrewAssignsWhatItComputes) {
  const Tensor table({10.0, 20.0});
  Parameter p(Tensor({1.0, 2.0}));
  const auto function = compile([&](const Tensor& index) { p.assign(p.value() + take(table, index)); });
  function(Tensor({0}));
  {
    const Tensor held = p.value();  // so the replay that throws makes a tensor of its own
    EXPECT_THROW(function(Tensor({7})), ValueError);
  }
  for (const double expected : {21.0, 31.0}) {
    function(Tensor({0}));
    EXPECT_EQ(p.value().data<double>()[0], expected);
  }
}

TEST(CompileUndo, VerifyAssignsNothingWhereTheFunctionDoesSomethingElse) {
  Parameter p(Tensor({1.0}));
  HostFlag flag(false);
  Generator generator(1), same(1);
  int calls = 0;
  const auto function = compile(
      [&](const Tensor& x) {
        p.assign(p.value() + x + uniform({1}, 0, 1, generator, DType::f64) * 0.0);
        flag.set(calls > 0);
        return ++calls > 1 ? x * 2.0 : x;
      },
      {.verify = true});
  function(Tensor({1.0}));
  EXPECT_THROW(function(Tensor({1.0})), ValueError);
  EXPECT_EQ(p.value().item(), 2);
  EXPECT_FALSE(flag.get());
  uniform({1}, 0, 1, same, DType::f64);
  EXPECT_TRUE(same_bits(uniform({1}, 0, 1, generator, DType::f64), uniform({1}, 0, 1, same, DType::f64)));
}

TEST(CompileUndo, VerifySeesAnotherConstantThatIsAssigned) {
  Parameter p(Tensor({0.0}));
  double number = 1;
  const auto function = compile([&] { p.assign(Tensor({number})); }, {.verify = true});
  function();
  number = 2;
  EXPECT_THROW(function(), ValueError);
  EXPECT_EQ(p.value().item(), 1);
}

TEST(CompileUndo, AnUndefinedResultIsRefusedBeforeAnythingIsAssigned) {
  Parameter p(Tensor({1.0}));
  Slot slot(Tensor(0.0));
  const auto function = compile([&](const Tensor& x) {
    p.assign(p.value() + x);
    slot.assign(slot.value() + 1.0);
    return std::pair(x, Tensor());
  });
  for (int i = 0; i < 2; ++i) EXPECT_THROW(function(Tensor({1.0})), Error);
  EXPECT_EQ(p.value().item(), 1);
  EXPECT_EQ(slot.value().item(), 0);
}

TEST(CompileUndo, AProgramThatCannotBeMadeLeavesParametersAsTheyWere) {
  const Operation one = primitive(
      "one", {.differentiable = false,
              .infer =
                  [](auto, const Attributes&, auto y) {
                    y[0] = {DType::f64, {1}};
                  },
              .kernel = [](auto, const Attributes&, auto y) { writable<double>(y[0])[0] = 1; },
              .prepare = [](auto, const Attributes&) -> Operation::Prepared { throw std::runtime_error("prepare"); }});
  Parameter p(Tensor({1.0}));
  HostFlag flag(false);
  const auto function = compile([&](const Tensor& x) {
    p.assign(p.value() + apply(one, {x}));
    flag.set(true);
  });
  for (int i = 0; i < 2; ++i) EXPECT_THROW(function(Tensor({1.0})), std::runtime_error);
  EXPECT_EQ(p.value().item(), 1);
  EXPECT_FALSE(p.is_assigned());
  EXPECT_FALSE(flag.get());
}

TEST(CompileUndo, AFunctionThatThrowsWhileItIsRecordedLeavesParametersAndFlagsAsTheyWere) {
  Parameter p(Tensor({1.0}));
  HostFlag flag(false);
  const auto function = compile([&](const Tensor& x) -> Tensor {
    p.assign(p.value() + x);
    flag.set(true);
    throw std::runtime_error("halfway");
  });
  EXPECT_THROW(function(Tensor({1.0})), std::runtime_error);
  EXPECT_EQ(p.value().item(), 1);
  EXPECT_FALSE(p.is_assigned());
  EXPECT_FALSE(flag.get());
}

// It is gone before the undoing begins: the address sanitizer sees whether that is noticed.
TEST(CompileUndo, LeavesAloneWhatTheFunctionMadeForItself) {
  Parameter p(Tensor({1.0}));
  int calls = 0;
  const auto function = compile(
      [&](const Tensor& x) {
        HostFlag flag(false);
        flag.set(true);
        Slot slot(Tensor({5.0}));
        slot.assign(slot.value() + x);
        p.assign(slot.value());
        return x * static_cast<double>(++calls);
      },
      {.verify = true});
  function(Tensor({1.0}));
  p.assign(Tensor({2.0}));
  EXPECT_THROW(function(Tensor({1.0})), ValueError);
  EXPECT_EQ(p.value().item(), 2);
}

}  // namespace
}  // namespace wengert

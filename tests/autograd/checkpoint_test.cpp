#include <memory>
#include <string>
#include <vector>

#include "support/message_of.h"
#include <gtest/gtest.h>
#include <support/compiled.h>
#include <support/gradients.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/internal/memory_plan.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/transforms.h>

// checkpoint; what it finds on the host: checkpoint_state_test.cpp.

namespace wengert {
namespace {

/// A net of two products, whose parts are checkpointed or not.
struct Net {
  Parameter first{random_tensor({5, 4}, 1) - 0.5, "first"}, second{random_tensor({4, 3}, 2) - 0.5, "second"};

  Tensor operator()(const Tensor& x) const { return sigmoid(matmul(tanh(matmul(x, first)), second) * 2); }
};

TEST(Checkpoint, GivesTheBitsOfTheFunction) {
  const Net net;
  const Tensor x = random_tensor({6, 5}, 3);
  expect_same_bits(values_and_gradients(checkpoint(net), x), values_and_gradients(net, x), "with x");
  EXPECT_TRUE(same_bits(checkpoint(net)(x), net(x)));  // without a tape

  const auto of_data = [&](const auto& f) {
    Tape tape;
    return gradients_of(tape.gradient(sum(f(x))));
  };
  const Tensors gradients = of_data(checkpoint(net));
  ASSERT_EQ(gradients.size(), 2);
  expect_same_bits(gradients, of_data(net), "where x is no variable");
}

TEST(Checkpoint, HasDerivativesOfHigherOrder) {
  const auto f = [](const Tensor& x) { return tanh(x * x) * x; };
  const Tensor x({-0.7, 0.2, 1.3});
  EXPECT_TRUE(gradcheck(checkpoint(f), x, {.order = 2}).passed);
  const auto slope = [](const auto& g) {
    return [&](const Tensor& t) { return sum(grad([&](const Tensor& u) { return sum(g(u)); })(t)); };
  };
  const auto again = checkpoint(f);
  EXPECT_TRUE(same_bits(grad(slope(again))(x), grad(slope(f))(x)));
  EXPECT_TRUE(same_bits(hessian([&](const Tensor& t) { return sum(again(t)); })(x),
                        hessian([&](const Tensor& t) { return sum(f(t)); })(x)));

  // By parameters: a gradient's square is differentiated.
  const Net net;
  const auto penalty = [&](const auto& g) {
    Tape outer;
    Tensor slopes;
    {
      Tape inner;
      const Tensor variable = inner.watch(random_tensor({2, 5}, 4));
      slopes = inner.gradient(sum(g(variable)), variable);
    }
    return gradients_of(outer.gradient(sum(square(slopes))));
  };
  expect_same_bits(penalty(checkpoint(net)), penalty(net), "second order");
}

TEST(Checkpoint, KeepsItsArgumentAlone) {
  const Net net;
  Tape tape;
  static_cast<void>(checkpoint(net)(tape.watch(random_tensor({6, 5}, 3))));
  const std::vector<Record> records = tape.records();
  ASSERT_EQ(records.size(), 1);
  EXPECT_EQ(records[0].operation->name, "checkpoint");
  EXPECT_EQ(records[0].inputs.size(), 3);
  EXPECT_TRUE(tape.value(records[0].inputs[0]).kept.defined());
  EXPECT_FALSE(tape.value(records[0].inputs[1]).kept.defined());
  EXPECT_FALSE(tape.value(records[0].outputs[0]).kept.defined());
}

TEST(Checkpoint, LeavesNothingOfItsCallsBehind) {
  std::vector<std::weak_ptr<const void>> made;
  const auto f = [&](const Tensor& x) {
    const auto factors = std::make_shared<const std::vector<double>>(2, 3.0);
    made.emplace_back(factors);
    const Tensor tensor = Tensor::borrow(factors->data(), DType::f64, {2}, factors);  // a product keeps its factors
    return exp(x * tensor) + grad([&](const Tensor& u) { return sum(exp(u * tensor)); })(x);
  };
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), y = sum(checkpoint(f)(x));
  ASSERT_EQ(made.size(), 1);
  EXPECT_TRUE(made[0].expired());
  static_cast<void>(tape.gradient(y, x));
  ASSERT_EQ(made.size(), 2);
  EXPECT_TRUE(made[1].expired());
  static_cast<void>(f(x));
  EXPECT_FALSE(made[2].expired());
}

TEST(Checkpoint, CallsTheFunctionAgainForEachGradient) {
  int calls = 0;
  const auto f = checkpoint([&](const Tensor& x) {
    ++calls;
    return exp(x) * x;
  });
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), y = sum(f(x));
  EXPECT_EQ(calls, 1);
  const Tensor first = tape.gradient(y, x);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(same_bits(tape.gradient(y, x), first));
  EXPECT_EQ(calls, 3);
}

TEST(Checkpoint, Nests) {
  const Net net;
  const auto inner = checkpoint([&](const Tensor& x) { return tanh(matmul(x, net.first)); });
  const auto outer = checkpoint([&](const Tensor& x) { return matmul(inner(x), net.second) * 2; });
  const auto plain = [&](const Tensor& x) { return matmul(tanh(matmul(x, net.first)), net.second) * 2; };
  const Tensor x = random_tensor({3, 5}, 5);
  expect_same_bits(values_and_gradients(outer, x), values_and_gradients(plain, x), "nested");
}

TEST(Checkpoint, TakesFunctionsThatOpenTapes) {
  const Net net;
  const auto energy_slope = [&](const Tensor& x) { return grad([&](const Tensor& t) { return sum(net(t)); })(x); };
  const Tensor x = random_tensor({3, 5}, 5);
  expect_same_bits(values_and_gradients(checkpoint(energy_slope), x), values_and_gradients(energy_slope, x),
                   "a gradient");
}

TEST(Checkpoint, TakesProbabilitiesForWhatTheyAre) {
  const Tensor logits = random_tensor({3, 4}, 1), labels({0, 3, 1});
  const auto loss_of = [&](const Tensor& probabilities) {
    return sum(log(clamp(probabilities, 1e-7, 1 - 1e-7)) * one_hot(labels, 4, DType::f64));
  };
  const auto f = [&](const auto& soft, const auto& loss) {
    return grad([&](const Tensor& z) { return loss(soft(z)); })(logits);
  };
  const auto soft = [](const Tensor& z) { return softmax(z); };
  const Tensor expected = f(soft, loss_of);
  EXPECT_TRUE(same_bits(f(checkpoint(soft), loss_of), expected));
  EXPECT_TRUE(same_bits(f(soft, checkpoint(loss_of)), expected));
}

TEST(Checkpoint, IsComputedAgainInACompiledFunction) {
  const Tensor weight = random_tensor({32, 32}, 1) - 0.5;
  const auto block = [&](Tensor x) {
    for (int i = 0; i < 8; ++i) x = tanh(matmul(x, weight));
    return x;
  };
  const auto gradient_with = [](const auto& f) {
    return [f](std::span<const Tensor> inputs) -> Tensors {
      return {grad([&](const Tensor& x) { return sum(f(f(f(f(x))))); })(inputs[0])};
    };
  };
  const auto plain = gradient_with(block);
  const auto again = gradient_with(checkpoint(block));
  const Tensors inputs{random_tensor({64, 32}, 2)};
  expect_same_bits(again(inputs), plain(inputs), "eager");
  expect_eager_bits(again, inputs, {});
  const auto planned = [&](const auto& f) {
    const detail::Graph graph = detail::merge_equal_records(detail::remove_dead_records(recorded(f, inputs)));
    return detail::plan_memory(graph).bytes;
  };
  // 32 results are kept, or four and those of the block at work.
  EXPECT_LT(planned(again), planned(plain) / 2);
}

TEST(Checkpoint, GivesTheBitsOfEagerForEveryShapeAndZero) {
  const auto cube = checkpoint([](const Tensor& x) { return x * x * x; });
  EXPECT_EQ(compile(grad(cube))(Tensor(2.0)).item(), 12);
  const auto product = hvp([=](const Tensor& x) { return sum(cube(x)); });
  const Tensor x({0.0, -0.0, 1.0, -2.0}), v({1.0, -1.0, -0.0, 2.0});
  EXPECT_TRUE(same_bits(compile(product)(x, v), product(x, v)));
}

TEST(Checkpoint, StaysWithinTapesThatKeepAll) {
  Tape tape({.keep_all = true});
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), v = tape.watch(Tensor({3.0, 1.0})), place = argmax(v);
  const auto slope = [&](const auto& f) { return tape.gradient(sum(checkpoint(f)(x)), x); };
  EXPECT_TRUE(same_bits(slope([&](const Tensor& a) { return a * stop_gradient(v); }), Tensor({3.0, 1.0})));
  EXPECT_TRUE(same_bits(slope([&](const Tensor& a) { return where(a > v, a * 3, a * 2); }), Tensor({2.0, 3.0})));
  EXPECT_TRUE(same_bits(slope([&](const Tensor& a) { return a * one_hot(place, 2, DType::f64); }), Tensor({1.0, 0.0})));
  // The operation is of that call alone.
  for (const Record& record : tape.records()) {
    if (record.operation->name != "checkpoint") continue;
    EXPECT_THROW(static_cast<void>(apply(*record.operation, {x})), ValueError);
  }
}

TEST(Checkpoint, RefusesWhatTheOwnWalkOfATapeGave) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), slope = tape.gradient(sum(x * x * x), x);
  EXPECT_THROW(static_cast<void>(checkpoint([&](const Tensor& a) { return a * slope; })(x)), GradientError);
  const Tensor y = sum(checkpoint([](const Tensor& a) { return a * a; })(slope));
  EXPECT_THROW(static_cast<void>(tape.gradient(y, x)), GradientError);
  EXPECT_THROW(static_cast<void>(checkpoint([](const Tensor&) { return Tensor(); })(x)), ValueError);
}

TEST(Checkpoint, RefusesOtherVariables) {
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), w = tape.watch(Tensor({3.0, 4.0}));
  const auto f = checkpoint([&](const Tensor& t) { return t * w; });
  const auto message = [&](const auto& g) -> std::string {
    try {
      static_cast<void>(g(x));
    } catch (const GradientError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message(f).find("checkpoint: the function uses a variable, f64 [2], that is not its argument"),
            std::string::npos)
      << message(f);
  EXPECT_NE(message(checkpoint([&](const Tensor&) { return w; })), "");
  EXPECT_EQ(message(checkpoint([&](const Tensor& t) { return t * stop_gradient(w); })), "");
  EXPECT_EQ(message(checkpoint([&](const Tensor& t) { return where(t > w, t, t * 2); })), "");  // no derivative
}

TEST(Checkpoint, RefusesTheTapesOfOutside) {
  Tape tape;
  const auto f = checkpoint([&](const Tensor& x) { return tape.watch(x); });
  EXPECT_NE(message_of<GradientError>([&] { f(tape.watch(Tensor({1.0}))); }).find("the function of a checkpoint"),
            std::string::npos);
}

TEST(Checkpoint, RefusesAFunctionThatChanges) {
  int calls = 0;
  const auto f = checkpoint([&](const Tensor& x) { return calls++ == 0 ? x * 2 : sum(x); });
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), y = sum(f(x));
  EXPECT_THROW(static_cast<void>(tape.gradient(y, x)), GradientError);
}

TEST(Checkpoint, TakesFunctionsThatCannotBeCopied) {
  const auto f = checkpoint([factor = std::make_unique<double>(3)](const Tensor& x) { return x * *factor; });
  EXPECT_TRUE(same_bits(grad([&](const Tensor& x) { return sum(f(x)); })(Tensor({1.0, 2.0})), Tensor({3.0, 3.0})));
}

}  // namespace
}  // namespace wengert

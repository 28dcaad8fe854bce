#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/compiled.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/host.h>
#include <wengert/autograd/internal/memory_plan.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/transforms.h>

// checkpoint and custom_vjp.

namespace wengert {
namespace {

/// A net of two products, whose parts are checkpointed or not.
struct Net {
  Parameter first{random_tensor({5, 4}, 1) - 0.5, "first"}, second{random_tensor({4, 3}, 2) - 0.5, "second"};

  Tensor operator()(const Tensor& x) const { return sigmoid(matmul(tanh(matmul(x, first)), second) * 2); }
};

Tensors gradients_of(const Gradients& gradients) {
  Tensors tensors;
  for (const auto& [parameter, gradient] : gradients) tensors.push_back(gradient);
  return tensors;
}

template <typename F>
Tensors values_and_gradients(const F& f, const Tensor& x) {
  Tape tape;
  const Tensor variable = tape.watch(x), loss = sum(square(f(variable)) * 0.5);
  Tensors all = gradients_of(tape.gradient(loss));
  all.push_back(tape.gradient(loss, variable));
  all.push_back(loss);
  return all;
}

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

TEST(Checkpoint, DrawsTheSameRandomNumbersAgain) {
  Generator generator(7);
  const auto drop = [&](const Tensor& x) {
    return where(uniform(x.shape(), 0, 1, generator, DType::f64) < 0.5, x * 0, x * 2);
  };
  const auto run = [&](const auto& f) {
    generator = Generator(7);
    Tensors all = values_and_gradients(f, ones({40}, DType::f64));
    all.push_back(Tensor(static_cast<std::int64_t>(generator.position())));
    all.push_back(uniform({3}, 0, 1, generator));
    return all;
  };
  const Tensors expected = run(drop);
  expect_same_bits(run(checkpoint(drop)), expected, "one");
  const auto twice = [&](const auto& f) { return [&](const Tensor& x) { return f(f(x)) + f(x); }; };
  expect_same_bits(run(twice(checkpoint(drop))), run(twice(drop)), "three");
  expect_same_bits(run(checkpoint(twice(checkpoint(drop)))), run(twice(drop)), "nested");
}

TEST(Checkpoint, AssignsWhatTheFunctionAssignsOnce) {
  Slot mean(zeros({}, DType::f64));
  const auto f = checkpoint([&](const Tensor& x) {
    mean.assign(mean.value() * 0.5 + wengert::mean(stop_gradient(x)));
    return x * mean.value();
  });
  const Tensor gradient = grad([&](const Tensor& x) { return sum(f(x)); })(Tensor({1.0, 3.0}));
  EXPECT_EQ(mean.value().item(), 2);
  EXPECT_TRUE(same_bits(gradient, Tensor({2.0, 2.0})));
}

TEST(Checkpoint, TakesParametersAsTheyWere) {
  Parameter weight(Tensor({2.0, 5.0}), "weight");
  const auto f = checkpoint([&](const Tensor& x) { return x * weight * weight; });
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 1.0})), y = sum(f(x));
  weight.assign(Tensor({-1.0, -1.0}));
  EXPECT_TRUE(same_bits(tape.gradient(y, x), Tensor({4.0, 25.0})));
  EXPECT_TRUE(same_bits(tape.gradient(y, weight), Tensor({4.0, 10.0})));
  EXPECT_TRUE(same_bits(weight.value(), Tensor({-1.0, -1.0})));
}

TEST(Checkpoint, TakesWhatTheFunctionMadeOfAParameterTheFirstTime) {
  Parameter weight(zeros({2}, DType::f64), "weight");
  bool is_drawn = false;
  Slot seen(zeros({2}, DType::f64));
  const auto f = checkpoint([&](const Tensor& x) {
    if (!is_drawn) weight.assign(Tensor({3.0, 4.0}));
    is_drawn = true;
    seen.assign(stop_gradient(x));
    return x * weight;
  });
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), y = sum(f(x));
  seen.assign(Tensor({7.0, 7.0}));
  EXPECT_TRUE(same_bits(tape.gradient(y, x), Tensor({3.0, 4.0})));
  EXPECT_TRUE(same_bits(weight.value(), Tensor({3.0, 4.0})));
  EXPECT_TRUE(same_bits(seen.value(), Tensor({7.0, 7.0})));
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

TEST(Checkpoint, DrawsTheSameRandomNumbersInACompiledFunction) {
  Generator generator(7);
  const auto drop = checkpoint(
      [&](const Tensor& x) { return where(uniform(x.shape(), 0, 1, generator, DType::f64) < 0.5, x * 0, x * x); });
  const auto slope = grad([&](const Tensor& x) { return sum(drop(drop(x))); });
  const Tensor x = random_tensor({50}, 1);
  Tensors expected, given;
  for (int i = 0; i < 3; ++i) expected.push_back(slope(x));
  generator = Generator(7);
  const auto compiled = compile(slope);
  for (int i = 0; i < 3; ++i) given.push_back(compiled(x));
  expect_same_bits(given, expected, "draws go on");
}

/// A function with and without a checkpoint, by x and by a parameter.
template <typename F>
void expect_plain(const F& run) {
  const auto plain = [](const auto& f) { return f; };
  const auto checked = [](const auto& f) { return checkpoint(f); };
  expect_same_bits(run(checked), run(plain), "with a checkpoint");
}

TEST(Checkpoint, TakesAParameterThatTheFunctionAssigns) {
  const auto gradients = [](const auto& wrap, const auto& body) -> Tensors {
    Parameter p(Tensor({3.0, 5.0}), "p");
    Tape tape;
    const Tensor x = tape.watch(Tensor({1.0, 2.0})), y = sum(wrap([&](const Tensor&a) { return body(a, p); })(x));
    return tape.gradient(y, {x, p});
  };
  expect_plain([&](const auto& wrap) {
    return gradients(wrap, [](const Tensor& a, Parameter& p) {
      Tensor y = a * p;
      p.assign(stop_gradient(p.value() * 0.5));
      return y;
    });
  });
  // What is assigned within the function is a constant after it, not within it.
  expect_plain([&](const auto& wrap) {
    return gradients(wrap, [](const Tensor& a, Parameter& p) {
      p.assign(p.value() * 0.5);
      return a * p;
    });
  });
  expect_plain([&](const auto& wrap) {
    return gradients(wrap, [](const Tensor& a, Parameter& p) {
      const Tensor y = a * p;
      p.assign(stop_gradient(p.value() * 0.5));
      return y * p;
    });
  });
}

TEST(Checkpoint, TakesAParameterThatWasComputed) {
  expect_plain([](const auto& wrap) -> Tensors {
    Parameter p(Tensor({3.0, 5.0}), "p");
    const auto f = wrap([&](const Tensor& a) { return a * a * p; });
    Tape tape;
    const Tensor x = tape.watch(Tensor({1.0, 2.0}));
    p.assign(p.value() * 2);
    return tape.gradient(sum(f(x)), {x, p});
  });
  // A step of learning that is differentiated (Finn et al., "Model-Agnostic Meta-Learning", 2017); adjoints that are
  // added in another order may differ in their last bits.
  const auto learned = [](const auto& wrap) -> Tensor {
    Parameter p(Tensor({3.0, 5.0}), "p");
    const auto f = wrap([&](const Tensor& a) { return sum(square(a * p)); });
    Tape outer;
    const Tensor x = outer.watch(Tensor({1.0, 2.0}));
    Tensor slope;
    {
      Tape inner;
      slope = inner.gradient(f(x), p);
    }
    p.assign(p.value() - slope * 0.1);
    return concat(outer.gradient(f(x), {x, p}));
  };
  const Tensor plain = learned([](const auto& f) { return f; });
  const Tensor given = learned([](const auto& f) { return checkpoint(f); });
  EXPECT_LE(max(abs(given - plain)).item(), 1e-14 * max(abs(plain)).item());
}

TEST(Checkpoint, LeavesParametersToTheTapesAround) {
  // Read outside, and by a tape that the function opens.
  expect_plain([](const auto& wrap) -> Tensors {
    const Parameter p(Tensor({3.0, 5.0}), "p");
    const auto f = wrap([&](const Tensor& a) { return grad([&](const Tensor& u) { return sum(u * u * p); })(a); });
    Tape tape;
    const Tensor x = tape.watch(Tensor({1.0, 2.0})), q = sum(x * p), y = q + sum(f(x));
    Tensors all = tape.gradient(y, {x, p});
    all.push_back(tape.gradient(sum(x * x * p), p));
    return all;
  });
  // Read again on a tape that was paused while the function was called again.
  expect_plain([](const auto& wrap) -> Tensors {
    const Parameter p(Tensor({3.0, 5.0}), "p");
    const auto f = wrap([&](const Tensor& a) { return a * a * p; });
    const Tape outer;
    Tape tape;
    const Tensor x = tape.watch(Tensor({1.0, 2.0})), y = sum(f(x));
    Tensors all = tape.gradient(y, {x, p});
    for (Tensor& more : tape.gradient(sum(x * p), {x, p})) all.push_back(std::move(more));
    return all;
  });
}

TEST(Checkpoint, TakesFlagsAsTheyWere) {
  HostFlag doubles(true);
  const auto f = checkpoint([&](const Tensor& x) { return doubles.get() ? x * 2 : x * x; });
  Tape tape;
  const Tensor x = tape.watch(Tensor({3.0})), y = sum(f(x));
  doubles.set(false);
  EXPECT_EQ(tape.gradient(y, x).item(), 2);
  EXPECT_FALSE(doubles.get());
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

TEST(Checkpoint, RefusesAFunctionThatChanges) {
  int calls = 0;
  const auto f = checkpoint([&](const Tensor& x) { return calls++ == 0 ? x * 2 : sum(x); });
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), y = sum(f(x));
  EXPECT_THROW(static_cast<void>(tape.gradient(y, x)), GradientError);
}

TEST(Checkpoint, LeavesEverythingAsItWasWhereTheFunctionThrows) {
  Generator generator(7);
  bool fails = true;
  const auto f = checkpoint([&](const Tensor& x) {
    const Tensor y = x * uniform(x.shape(), 0, 1, generator, DType::f64);
    if (fails) throw std::runtime_error("f");
    return y;
  });
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  EXPECT_THROW(static_cast<void>(f(x)), std::runtime_error);
  EXPECT_TRUE(same_bits(tape.gradient(sum(x * x), x), Tensor({2.0, 4.0})));
  fails = false;
  const Tensor y = sum(f(x));
  fails = true;
  const std::uint64_t position = generator.position();
  EXPECT_THROW(static_cast<void>(tape.gradient(y, x)), std::runtime_error);
  EXPECT_EQ(generator.position(), position);
  fails = false;
  const Tensor gradient = tape.gradient(y, x);
  EXPECT_NEAR(sum(gradient * Tensor({1.0, 2.0})).item(), y.item(), 1e-15);  // y is linear
}

TEST(Checkpoint, TakesFunctionsThatCannotBeCopied) {
  const auto f = checkpoint([factor = std::make_unique<double>(3)](const Tensor& x) { return x * *factor; });
  EXPECT_TRUE(same_bits(grad([&](const Tensor& x) { return sum(f(x)); })(Tensor({1.0, 2.0})), Tensor({3.0, 3.0})));
}

// A gradient passes through the rounding as if it were none (Bengio et al., "Estimating or Propagating Gradients
// Through Stochastic Neurons", 2013).
Tensor straight_through(const Tensor&, const Tensor&, const Tensor& dy) { return dy; }

TEST(CustomVjp, GivesTheFunctionARule) {
  const auto rounded = custom_vjp([](const Tensor& x) { return round(x * 4) / 4; }, straight_through);
  const Tensor x({0.1, 0.4, -2.3});
  EXPECT_TRUE(same_bits(rounded(x), Tensor({0.0, 0.5, -2.25})));
  const auto f = [&](const Tensor& t) { return sum(square(rounded(t))); };
  EXPECT_TRUE(same_bits(grad(f)(x), Tensor({0.0, 1.0, -4.5})));
  EXPECT_TRUE(same_bits(compile(grad(f))(x), Tensor({0.0, 1.0, -4.5})));
  Tape tape;
  const Tensor variable = tape.watch(x);
  static_cast<void>(rounded(variable));
  ASSERT_EQ(tape.records().size(), 1);
  EXPECT_EQ(tape.records()[0].operation->name, "custom_vjp");
}

TEST(CustomVjp, HasTheDerivativesOfItsRule) {
  // log(1 + eˣ), whose derivative is written in a form that does not overflow.
  const auto f = custom_vjp([](const Tensor& x) { return log(1 + exp(x)); },
                            [](const Tensor& x, const Tensor&, const Tensor& dy) { return dy * sigmoid(x); });
  EXPECT_TRUE(gradcheck(f, Tensor({-1.5, 0.2, 3.0}), {.order = 2}).passed);
  EXPECT_EQ(grad([&](const Tensor& x) { return sum(f(x)); })(Tensor({1000.0})).item(), 1);
  const auto by_result = custom_vjp([](const Tensor& x) { return exp(x); },
                                    [](const Tensor&, const Tensor& y, const Tensor& dy) { return dy * y; });
  EXPECT_TRUE(gradcheck(by_result, Tensor({-1.5, 0.2, 3.0}), {.order = 2}).passed);
  EXPECT_TRUE(gradcheck(checkpoint([&](const Tensor& x) { return f(x) * by_result(x); }), Tensor({-1.5, 0.2})).passed);
}

TEST(CustomVjp, IsGivenItsArgumentForWhatItIs) {
  const auto f = custom_vjp([](const Tensor& p) { return sum(p * p); },
                            [](const Tensor& p, const Tensor&, const Tensor& dy) {
                              EXPECT_FALSE(traced_logits(p).defined());
                              return dy * p * 2;
                            });
  Tape tape;
  const Tensor z = tape.watch(Tensor({{1.0, 2.0}})), p = softmax(z), y = f(p);
  const Tensor first = tape.gradient(y, p);
  EXPECT_TRUE(same_bits(tape.gradient(y, p), first));
}

TEST(CustomVjp, MayReadParametersInItsRule) {
  const Parameter p(Tensor({3.0, 5.0}), "p");
  const auto f = custom_vjp([](const Tensor& x) { return round(x); },
                            [&](const Tensor&, const Tensor&, const Tensor& dy) { return dy * p; });
  Tape outer;
  const Tensor q = sum(p.value() * 2);
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0}));
  EXPECT_TRUE(same_bits(tape.gradient(sum(f(x)), x), Tensor({3.0, 5.0})));
  EXPECT_TRUE(same_bits(tape.gradient(sum(x * p), x), Tensor({3.0, 5.0})));
}

TEST(CustomVjp, TellsWhatItsRuleCannotKnow) {
  const Parameter weight(Tensor({2.0, 5.0}), "scale");
  Tape tape;
  const Tensor x = tape.watch(Tensor({1.0, 2.0})), w = tape.watch(Tensor({3.0, 4.0}));
  const auto with = [&](const Tensor& other) {
    return custom_vjp([=](const Tensor& t) { return t * other; }, straight_through);
  };
  EXPECT_THROW(static_cast<void>(with(w)(x)), GradientError);
  EXPECT_NO_THROW(static_cast<void>(with(stop_gradient(w))(x)));
  const auto reads = custom_vjp([&](const Tensor& t) { return t * weight; }, straight_through);
  try {
    static_cast<void>(reads(x));
    ADD_FAILURE() << "no error";
  } catch (const GradientError& error) {
    EXPECT_EQ(std::string(error.what()),
              "custom_vjp: the function reads parameter 'scale', of which its rule gives no derivative; read it "
              "outside, with stop_gradient, or make it the argument");
  }
  const auto wrong = custom_vjp([](const Tensor& t) { return sum(t); }, straight_through);
  EXPECT_THROW(static_cast<void>(tape.gradient(wrong(x), x)), GradientError);
  const auto nothing = custom_vjp([](const Tensor& t) { return sum(t); },
                                  [](const Tensor&, const Tensor&, const Tensor&) { return Tensor(); });
  EXPECT_THROW(static_cast<void>(tape.gradient(nothing(x), x)), GradientError);
}

}  // namespace
}  // namespace wengert

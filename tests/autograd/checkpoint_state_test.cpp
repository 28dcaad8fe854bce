#include <stdexcept>

#include <gtest/gtest.h>
#include <support/compiled.h>
#include <support/gradients.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/host.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/transforms.h>

// What a function that is checkpointed finds on the host and leaves there: parameters, slots, flags, random numbers.

namespace wengert {
namespace {

/// A function with and without a checkpoint, by x and by a parameter.
template <typename F>
void expect_plain(const F& run) {
  const auto plain = [](const auto& f) { return f; };
  const auto checked = [](const auto& f) { return checkpoint(f); };
  expect_same_bits(run(checked), run(plain), "with a checkpoint");
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

TEST(Checkpoint, KeepsTheParametersThatAnOperationIsAppliedTo) {
  Parameter p(Tensor({1.0, 2.0})), q(Tensor({5.0, 7.0}));
  expect_plain([&](const auto& wrap) {
    const auto f = wrap([&](const Tensor& x) {
      const Tensor before = apply(*find_operation("sub"), {p, q});
      p.assign(p.value() + 1.0);
      return x * before + apply(*find_operation("sub"), {p, q}) * p;
    });
    p.assign(Tensor({1.0, 2.0}));
    Tape tape;
    const Tensor x = tape.watch(Tensor({3.0, 4.0})), y = f(x);
    Tensors all = tape.gradient(sum(y), {x, p, q});
    all.push_back(y);
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

}  // namespace
}  // namespace wengert

#include <cstring>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>

namespace wengert {
namespace {

/// Equal dtype, shape and bits (NaN included).
::testing::AssertionResult same_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) {
    return ::testing::AssertionFailure() << name_of(a.dtype()) << to_string(a.shape()) << " and " << name_of(b.dtype())
                                         << to_string(b.shape());
  }
  return dispatch(a.dtype(), [&](auto type) -> ::testing::AssertionResult {
    using T = decltype(type);
    if (a.size() == 0 || std::memcmp(a.data<T>().data(), b.data<T>().data(), a.data<T>().size_bytes()) == 0) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << a << " and " << b;
  });
}

/// The message of the error that a call throws; empty where it throws none.
template <typename F>
std::string message_of(F call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

Tensor random_tensor(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  Generator generator(seed);
  return uniform(shape, 0.1, 0.9, generator, dtype);
}

// ---------------------------------------------------------------------------------------------- the catalogue

/// The results of an operation and, where it has them, the gradients with respect to its floating inputs.
std::vector<Tensor> value_and_gradients(const Operation& operation, const Attributes& attributes, std::span<const Tensor> inputs) {
  std::vector<Tensor> variables(inputs.begin(), inputs.end()), asked;
  Tape tape;
  for (Tensor& variable : variables) {
    if (!is_floating(variable.dtype())) continue;
    variable = tape.watch(variable);
    asked.push_back(variable);
  }
  std::vector<Tensor> results(operation.outputs);
  apply(operation, variables, attributes, results);
  if (!operation.differentiable || asked.empty() || !is_floating(results[0].dtype())) return results;
  for (Tensor& gradient : tape.gradient(results[0], asked, ones(results[0].shape(), results[0].dtype()))) results.push_back(gradient);
  return results;
}

/// A function of as many tensors as an operation has inputs, compiled.
class CompiledOperation {
 public:
  CompiledOperation(const Operation& operation, const Sample& sample) : operation_(operation), sample_(sample) {}

  std::vector<Tensor> operator()(std::span<const Tensor> inputs) {
    switch (inputs.size()) {
      case 1: return one_(inputs[0]);
      case 2: return two_(inputs[0], inputs[1]);
      default: return three_(inputs[0], inputs[1], inputs[2]);
    }
  }

 private:
  std::vector<Tensor> run(std::initializer_list<Tensor> inputs) {
    return value_and_gradients(operation_, sample_.attributes, std::span(inputs.begin(), inputs.size()));
  }

  const Operation& operation_;
  const Sample& sample_;
  Compiled<std::function<std::vector<Tensor>(const Tensor&)>> one_{[this](const Tensor& a) { return run({a}); }, {}};
  Compiled<std::function<std::vector<Tensor>(const Tensor&, const Tensor&)>> two_{
      [this](const Tensor& a, const Tensor& b) { return run({a, b}); }, {}};
  Compiled<std::function<std::vector<Tensor>(const Tensor&, const Tensor&, const Tensor&)>> three_{
      [this](const Tensor& a, const Tensor& b, const Tensor& c) { return run({a, b, c}); }, {}};
};

TEST(Compile, GivesTheBitsOfEagerForEveryOperationOfTheCatalogue) {
  std::size_t checked = 0;
  for (const Operation* operation : catalogue()) {
    if (!operation->samples) continue;
    for (const Sample& sample : operation->samples()) {
      if (sample.inputs.empty() || sample.inputs.size() > 3) continue;
      SCOPED_TRACE(operation->name + " " + to_string(sample.attributes));
      CompiledOperation compiled(*operation, sample);
      for (int call = 0; call < 3; ++call) {
        // Other values of the same shape at each call: what were frozen would show.
        std::vector<Tensor> inputs = sample.inputs;
        for (Tensor& input : inputs) {
          if (is_floating(input.dtype())) input = input * (1.0 + 0.001 * call);
        }
        const std::vector<Tensor> expected = value_and_gradients(*operation, sample.attributes, inputs);
        const std::vector<Tensor> replayed = compiled(inputs);
        ASSERT_EQ(replayed.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_TRUE(same_bits(replayed[i], expected[i])) << "call " << call;
      }
      ++checked;
    }
  }
  EXPECT_GE(checked, 200U);
}

// ---------------------------------------------------------------------------------------------- random programs

/// A program drawn at random: each step applies an operation to values there are already. Shapes are [4, 6], its rows and
/// columns, and scalars, so that there is broadcasting, and reductions between.
class RandomProgram {
 public:
  explicit RandomProgram(std::uint64_t seed) : generator_(seed) {
    const std::uint64_t steps = 1 + generator_.below(60);
    for (std::uint64_t i = 0; i < steps; ++i) {
      steps_.push_back({generator_.below(14), generator_.below(i + 3), generator_.below(i + 3)});
    }
  }

  /// The sum of all values, so that every step has a gradient.
  Tensor value(const Tensor& a, const Tensor& b, const Tensor& c) const {
    std::vector<Tensor> values{a, b, c};
    for (const Step& step : steps_) values.push_back(run(step.operation, values[step.left], values[step.right]));
    Tensor total = sum(values.back());
    for (const Tensor& value : values) total = total + sum(value) * 0.01;
    return total;
  }

 private:
  struct Step {
    std::uint64_t operation, left, right;
  };

  static Tensor run(std::uint64_t operation, const Tensor& x, const Tensor& y) {
    switch (operation) {
      case 0: return sigmoid(x);
      case 1: return tanh(x) * y;
      case 2: return x + y;
      case 3: return x - y;
      case 4: return exp(-square(x));
      case 5: return where(x < y, x, y);
      case 6: return sum(x, {-1}, true) * 0.1 + y;
      case 7: return mean(x, {0}, true) + y;
      case 8: return maximum(x, y) / (1.0 + abs(y));
      case 9: return x.rank() == 2 ? transpose(transpose(x)) : x;
      case 10: return gelu(x);
      case 11: return stop_gradient(x) * y;
      case 12: return grad([](const Tensor& t) { return sum(t * sigmoid(t)); })(x);
      default: return x.reshape({x.size()}).reshape(Ints(x.shape()));
    }
  }

  Generator generator_;
  std::vector<Step> steps_;
};

TEST(Compile, GivesTheBitsOfEagerForRandomProgramsAndTheirGradients) {
  const Shape shapes[] = {{4, 6}, {1, 6}, {4, 1}};
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    const RandomProgram program(seed);
    const DType dtype = seed % 2 == 0 ? DType::f64 : DType::f32;
    const auto with_gradients = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
      Tape tape;
      const Tensor x = tape.watch(a), y = tape.watch(b), z = tape.watch(c);
      const Tensor value = program.value(x, y, z);
      const std::vector<Tensor> gradients = tape.gradient(value, {x, y, z});
      return std::vector<Tensor>{value, gradients[0], gradients[1], gradients[2]};
    };
    auto compiled = compile(with_gradients);
    auto plain = compile(with_gradients, {.merge_equal = false, .fuse = false});
    for (std::uint64_t call = 0; call < 3; ++call) {
      const Tensor a = random_tensor(shapes[0], 3 * call, dtype), b = random_tensor(shapes[1], 3 * call + 1, dtype),
                   c = random_tensor(shapes[2], 3 * call + 2, dtype);
      const auto expected = with_gradients(a, b, c);
      const auto replayed = compiled(a, b, c);
      const auto unfused = plain(a, b, c);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_TRUE(same_bits(replayed[i], expected[i])) << explain(compiled);
        ASSERT_TRUE(same_bits(unfused[i], expected[i])) << explain(plain);
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------- what is recorded, and when

TEST(Compile, RunsTheFunctionOncePerShapeAndDType) {
  int runs = 0;
  auto square_sum = compile([&](const Tensor& x) {
    ++runs;
    return sum(x * x);
  });
  for (int i = 0; i < 600; ++i) {
    const Tensor x = random_tensor({3, 1 + i % 2}, static_cast<std::uint64_t>(i));
    EXPECT_EQ(square_sum(x).item(), sum(x * x).item());
  }
  EXPECT_EQ(runs, 2);
  square_sum(zeros({3, 1}, DType::f32));
  EXPECT_EQ(runs, 3);
}

TEST(Compile, TakesAndGivesWhatTheFunctionDoes) {
  const Tensor x({1.0, 2.0}), y({3.0, 5.0});
  auto none = compile([&] { return x + y; });
  auto pair = compile([](const Tensor& a, const Tensor& b) { return std::pair(a + b, a * b); });
  auto array = compile([](const Tensor& a) { return std::array{a, a + 1, a + 2}; });
  auto vector = compile([](const Tensor& a) { return std::vector<Tensor>{a, a}; });
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(same_bits(none(), x + y));
    const auto [sum_of, product] = pair(x, y);
    EXPECT_TRUE(same_bits(sum_of, x + y));
    EXPECT_TRUE(same_bits(product, x * y));
    EXPECT_TRUE(same_bits(array(y)[2], y + 2));
    EXPECT_EQ(vector(x).size(), 2U);
    EXPECT_TRUE(same_bits(vector(x)[1], x));
  }
}

TEST(Compile, TellsApartInputsThatAreOneTensor) {
  auto difference = compile([](const Tensor& a, const Tensor& b) { return a - b; });
  const Tensor x({1.0, 2.0}), y({5.0, 7.0});
  EXPECT_TRUE(same_bits(difference(x, x), Tensor({0.0, 0.0})));
  EXPECT_TRUE(same_bits(difference(y, x), y - x));
}

TEST(Compile, GivesFreshResultsAtEveryCall) {
  auto twice = compile([](const Tensor& x) { return x * 2; });
  twice(Tensor({1.0}));
  const Tensor first = twice(Tensor({2.0}));
  const Tensor second = twice(Tensor({3.0}));
  EXPECT_EQ(first.item(), 4);
  EXPECT_EQ(second.item(), 6);
}

TEST(Compile, JustRunsWithinATapeSoThatItsDerivativeIsFound) {
  auto cube = compile([](const Tensor& x) { return sum(x * x * x); });
  cube(Tensor({2.0}));
  cube(Tensor({2.0}));
  EXPECT_EQ(grad([&](const Tensor& x) { return cube(x); })(Tensor({2.0})).item(), 12);
}

TEST(Compile, MayStandWithinAnotherCompiledFunction) {
  auto inner = compile([](const Tensor& x) { return x + 1; });
  auto outer = compile([&](const Tensor& x) { return inner(x) * 2; });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(outer(Tensor(1.0 * i)).item(), 2 * (i + 1));
}

// ---------------------------------------------------------------------------------------------- slots

TEST(Compile, ReadsAndAssignsParametersAndSlotsAtEveryCall) {
  Parameter weight(Tensor({1.0, 2.0}), "weight");
  Slot count(Tensor(std::int64_t{0}));
  auto step = compile([&](const Tensor& x) {
    count.assign(count.value() + 1);
    const Tensor before = weight.value();
    weight.assign(before + x);
    return weight.value() * 10;
  });
  const Tensor one({1.0, 1.0});
  EXPECT_TRUE(same_bits(step(one), Tensor({20.0, 30.0})));
  EXPECT_TRUE(same_bits(step(one), Tensor({30.0, 40.0})));
  weight.assign(Tensor({100.0, 200.0}));
  EXPECT_TRUE(same_bits(step(one), Tensor({1010.0, 2010.0})));
  EXPECT_TRUE(same_bits(weight.value(), Tensor({101.0, 201.0})));
  EXPECT_EQ(count.value().item<std::int64_t>(), 3);
}

TEST(Compile, LeavesValuesAloneThatSomebodyElseHolds) {
  Parameter weight(Tensor({1.0}), "weight");
  auto step = compile([&] { weight.assign(weight.value() + 1); });
  std::vector<Tensor> held;
  for (int i = 0; i < 5; ++i) {
    held.push_back(weight.value());
    step();
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(held[static_cast<std::size_t>(i)].item(), 1 + i);
  for (int i = 0; i < 3; ++i) step();  // now written over
  EXPECT_EQ(weight.value().item(), 9);
}

TEST(Compile, PassesOldValuesOn) {
  Parameter a(Tensor({1.0}), "a"), b(Tensor({2.0}), "b");
  auto swap = compile([&] {
    const Tensor old_a = a.value(), old_b = b.value();
    a.assign(old_b);
    b.assign(old_a);
    return old_a;
  });
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(swap().item(), 1 + i % 2);
    EXPECT_EQ(a.value().item(), 2 - i % 2);
    EXPECT_EQ(b.value().item(), 1 + i % 2);
  }
}

TEST(Compile, TellsApartSlotsThatBeganAsOneTensor) {
  const Tensor zero({0.0});
  Slot a(zero), b(zero);
  auto step = compile([&] {
    a.assign(a.value() + 1);
    b.assign(b.value() + 10);
  });
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(a.value().item(), 3);
  EXPECT_EQ(b.value().item(), 30);
}

// ---------------------------------------------------------------------------------------------- errors

TEST(Compile, RefusesToFreezeWhatTheHostReads) {
  Parameter weight(Tensor({2.0}), "weight");
  auto of_result = compile([](const Tensor& x) { return x * (x * 2).item(); });
  auto of_input = compile([](const Tensor& x) { return x * x.item(); });
  auto of_parameter = compile([&](const Tensor& x) { return x * weight.value().data<double>()[0]; });
  auto of_constant = compile([](const Tensor& x) { return x * Tensor({3.0}).item(); });
  const Tensor x({1.0});
  EXPECT_NE(message_of([&] { of_result(x); }).find("record 0, mul [1]"), std::string::npos) << message_of([&] { of_result(x); });
  EXPECT_NE(message_of([&] { of_input(x); }).find("read on the host"), std::string::npos);
  EXPECT_NE(message_of([&] { of_parameter(x); }).find("read on the host"), std::string::npos);
  EXPECT_EQ(of_constant(x).item(), 3);
}

TEST(Compile, FindsWhatTheHostDoesWhenAskedToVerify) {
  double counter = 1;
  auto scaled = compile([&](const Tensor& x) { return x * (counter += 1); }, {.verify = true});
  scaled(Tensor({1.0}));
  const std::string message = message_of([&] { scaled(Tensor({1.0})); });
  EXPECT_NE(message.find("record 0 was mul"), std::string::npos) << message;
  bool negate = false;
  auto branching = compile([&](const Tensor& x) { return negate ? -x : exp(x); }, {.verify = true});
  branching(Tensor({1.0}));
  EXPECT_EQ(message_of([&] { branching(Tensor({1.0})); }), "");
  negate = true;
  EXPECT_NE(message_of([&] { branching(Tensor({1.0})); }).find("was exp"), std::string::npos);
}

TEST(Compile, PassesOnWhatTheFunctionThrowsAndRecordsAgain) {
  bool broken = true;
  auto function = compile([&](const Tensor& x) {
    if (broken) throw ValueError("broken");
    return x + 1;
  });
  EXPECT_EQ(message_of([&] { function(Tensor({1.0})); }), "broken");
  broken = false;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(function(Tensor({1.0})).item(), 2);
}

TEST(Compile, RefusesToRunWithinItself) {
  std::function<Tensor(const Tensor&)> again;
  auto function = compile([&](const Tensor& x) { return again(x); });
  again = [&](const Tensor& x) { return function(x); };
  EXPECT_NE(message_of([&] { function(Tensor({1.0})); }).find("running already"), std::string::npos);
}

TEST(Compile, TakesAnyNumberOfTensorsAsASpan) {
  auto total = compile([](std::span<const Tensor> inputs) {
    Tensor result = inputs[0];
    for (const Tensor& input : inputs.subspan(1)) result = result + input;
    return result;
  });
  for (std::size_t count = 1; count < 5; ++count) {
    const std::vector<Tensor> inputs(count, Tensor({1.0, 2.0}));
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(same_bits(total(inputs), Tensor({1.0, 2.0}) * count));
  }
}

// ---------------------------------------------------------------------------------------------- what the passes do

TEST(Compile, FusesPointwiseChainsAndDropsWhatIsNotNeeded) {
  auto function = compile([](const Tensor& x) {
    static_cast<void>(exp(x));  // dead
    const Tensor y = sigmoid(x * 2) + sigmoid(x * 2);
    return sum(y);
  });
  function(Tensor({1.0, 2.0}));
  const std::string text = explain(function);
  EXPECT_NE(text.find("{mul sigmoid add}"), std::string::npos) << text;
  EXPECT_NE(text.find("2 records"), std::string::npos) << text;
}

TEST(Compile, FusesAnOperationThatWasDefinedOutsideTheLibrary) {
  static const Operation swish = pointwise(
      "test_swish", {.formula = [](Scalar x, Scalar beta) { return x / (1.0 + exp(-(beta * x))); }, .attributes = {{"beta", 1.5}}});
  const auto loss = [](const Tensor& x) {
    Tape tape;
    const Tensor v = tape.watch(x);
    return tape.gradient(sum(apply(swish, {v * 2}) + 1), v);
  };
  auto compiled = compile(loss);
  const Tensor x({-1.0, 0.5, 2.0});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(compiled(x), loss(x)));
  EXPECT_NE(explain(compiled).find("test_swish'0"), std::string::npos) << explain(compiled);
  EXPECT_NE(explain(compiled).find("{mul test_swish test_swish'0"), std::string::npos) << explain(compiled);
}

TEST(Compile, SharesMemoryBetweenValuesThatDoNotLiveTogether) {
  const Tensor x = random_tensor({64, 64}, 1);
  auto chain = compile([](const Tensor& a) {
    Tensor y = a;
    for (int i = 0; i < 20; ++i) y = matmul(y, a);
    return sum(y);
  });
  chain(x);
  const std::string text = explain(chain);
  // Two results of 32 KiB at a time, however long the chain.
  EXPECT_NE(text.find("replayed, 65536 bytes"), std::string::npos) << text;
}

TEST(CompileThread, FunctionsOnTwoThreadsGiveWhatEachGivesAlone) {
  const auto train = [](std::uint64_t seed) {
    Parameter weight(random_tensor({16, 16}, seed), "weight");
    auto step = compile([&](const Tensor& x) {
      Tape tape;
      const Tensor loss = mean(square(matmul(x, weight.value())));
      weight.assign(weight.value() - tape.gradient(loss)[weight] * 0.1);
      return loss;
    });
    Tensor loss;
    for (int i = 0; i < 50; ++i) loss = step(random_tensor({8, 16}, static_cast<std::uint64_t>(i)));
    return weight.value();
  };
  const Tensor alone[] = {train(1), train(2)};
  Tensor together[2];
  std::thread first([&] { together[0] = train(1); }), second([&] { together[1] = train(2); });
  first.join();
  second.join();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(same_bits(together[i], alone[i]));
}

}  // namespace
}  // namespace wengert

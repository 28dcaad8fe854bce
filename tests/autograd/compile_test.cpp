#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/message_of.h"
#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/transforms.h>

namespace wengert {
namespace {

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

TEST(Compile, GivesProbabilitiesWithoutLogitsAtEveryCall) {
  const Tensor z({{1.0, 30.0, -40.0}, {0.3, 0.1, 0.2}});
  for (const bool verify : {false, true}) {
    const auto probabilities = compile([](const Tensor& x) { return softmax(x); }, {.verify = verify});
    for (int call = 0; call < 3; ++call) EXPECT_FALSE(traced_logits(probabilities(z)).defined()) << call;
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

TEST(Compile, NeverWritesToMemoryThatWasBorrowed) {
  const std::vector<float> lent{1, 2, 3};
  Parameter parameter(zeros({3}));
  auto double_it = compile([&] { parameter.assign(parameter.value() * 2); });
  for (int call = 0; call < 3; ++call) {
    parameter.assign(Tensor::borrow(lent.data(), DType::f32, {3}, nullptr));
    double_it();
    EXPECT_EQ(lent, (std::vector<float>{1, 2, 3}));
    EXPECT_TRUE(same_bits(parameter.value(), Tensor({2.F, 4.F, 6.F})));
  }
}

TEST(Compile, TakesBorrowedMemoryOfAnySize) {
  auto compiled = compile([](const Tensor& x) { return tanh(x) * x + sum(x); });
  for (const std::int64_t size : {1, 5, 8, 1023, 1024, 1025, 5000}) {
    const Tensor own = random_tensor({size}, 5, DType::f32);
    const std::vector<float> lent(own.data<float>().begin(), own.data<float>().end());
    const Tensor borrowed = Tensor::borrow(lent.data(), DType::f32, {size}, nullptr);
    const Tensor expected = tanh(own) * own + sum(own);
    for (int call = 0; call < 2; ++call) {
      EXPECT_TRUE(same_bits(compiled(borrowed), expected)) << size;
      EXPECT_TRUE(same_bits(compiled(own), expected)) << size;
    }
  }
}

TEST(Compile, KeepsWhatAnOperationEvaluatesOfShapesAlone) {
  const Operation zeros_like = primitive(
      "zeros_like",
      {.differentiable = false,
       .infer =
           [](auto inputs, const Attributes&, auto results) {
             results[0] = {inputs[0].dtype(), inputs[0].shape()};
           },
       .evaluate = [](auto inputs, const Attributes&) { return zeros(inputs[0].shape(), inputs[0].dtype()); }});
  auto compiled = compile([&](const Tensor& x) {
    const Tensor nothing = apply(zeros_like, {x});
    return std::array{nothing, x + nothing};
  });
  const Tensor x({1.5, -2.5});
  for (int call = 0; call < 3; ++call) {
    const auto [nothing, same] = compiled(x);
    EXPECT_TRUE(same_bits(nothing, Tensor({0.0, 0.0})));
    EXPECT_TRUE(same_bits(same, x));
  }
}

TEST(Compile, MakesOneProgramOfGroupsThatDoTheSame) {
  const auto recorded = [] {
    detail::Capture capture(std::vector{random_tensor({4, 4}, 6)});
    Tensor x = capture.inputs()[0];
    for (int i = 0; i < 3; ++i) x = tanh(matmul(x, x) * 2.0 + 1.0);
    return capture.finish(std::vector{x});
  };
  const detail::Graph graph = detail::share_programs(detail::fuse_pointwise(recorded()));
  std::set<const kernels::Program*> programs;
  std::size_t groups = 0;
  for (const detail::GraphRecord& record : graph.records) {
    if (record.fused == nullptr) continue;
    ++groups;
    programs.insert(record.fused.get());
  }
  EXPECT_EQ(groups, 3U);
  EXPECT_EQ(programs.size(), 1U);
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

TEST(Compile, RefusesToFreezeWhatTheHostReads) {
  Parameter weight(Tensor({2.0}), "weight");
  auto of_result = compile([](const Tensor& x) { return x * (x * 2).item(); });
  auto of_input = compile([](const Tensor& x) { return x * x.item(); });
  auto of_parameter = compile([&](const Tensor& x) { return x * weight.value().data<double>()[0]; });
  auto of_constant = compile([](const Tensor& x) { return x * Tensor({3.0}).item(); });
  const Tensor x({1.0});
  EXPECT_NE(message_of<Error>([&] { of_result(x); }).find("record 0, mul [1]"), std::string::npos)
      << message_of<Error>([&] { of_result(x); });
  EXPECT_NE(message_of<Error>([&] { of_input(x); }).find("read on the host"), std::string::npos);
  EXPECT_NE(message_of<Error>([&] { of_parameter(x); }).find("read on the host"), std::string::npos);
  EXPECT_EQ(of_constant(x).item(), 3);
}

TEST(Compile, FindsWhatTheHostDoesWhenAskedToVerify) {
  double counter = 1;
  auto scaled = compile([&](const Tensor& x) { return x * (counter += 1); }, {.verify = true});
  scaled(Tensor({1.0}));
  EXPECT_EQ(message_of<ValueError>([&] { scaled(Tensor({1.0})); }),
            "compile: the function does not do the same at every call: record 0, mul(input 0 [1], constant 1 []): "
            "constant 1 was 2, and now is 3; what changes must come in as a tensor, a parameter or a slot");
  bool negate = false;
  auto branching = compile([&](const Tensor& x) { return negate ? -x : exp(x); }, {.verify = true});
  branching(Tensor({1.0}));
  EXPECT_NO_THROW(branching(Tensor({1.0})));
  negate = true;
  EXPECT_NE(message_of<Error>([&] { branching(Tensor({1.0})); }).find("was exp"), std::string::npos);
}

TEST(Compile, RefusesASecondThreadOrGivesItItsOwnResults) {
  const auto multiples = [](const Tensor& x) {
    std::vector<Tensor> results;
    for (int i = 0; i < 20; ++i) results.push_back(x * (2.0 + i));
    return results;
  };
  auto function = compile(multiples);
  function(Tensor({1.0}));
  std::atomic<int> calls = 0;
  const auto work = [&](double number) {
    int wrong = 0;
    for (int call = 0; call < 3000; ++call) {
      try {
        const std::vector<Tensor> results = function(Tensor({number}));
        for (int i = 0; i < 20; ++i) wrong += results[static_cast<std::size_t>(i)].item() == number * (2.0 + i) ? 0 : 1;
        ++calls;
      } catch (const ValueError&) {  // the other one is at it
      }
    }
    EXPECT_EQ(wrong, 0);
  };
  std::thread first(work, 1.0), second(work, 3.0);
  first.join();
  second.join();
  EXPECT_GT(calls, 0);
}

TEST(Compile, KeepsNoHoldOfTheResultsItGave) {
  const auto count = [](const Tensor& x) { return std::vector<Tensor>{x, x * 2.0}; };
  auto function = compile(count);
  for (int call = 0; call < 3; ++call) {
    auto owner = std::make_shared<std::vector<double>>(4, 1.0);
    const std::weak_ptr<std::vector<double>> memory = owner;
    {
      const Tensor x = Tensor::borrow(owner->data(), DType::f64, {4}, owner);
      owner.reset();
      const std::vector<Tensor> results = function(x);
      EXPECT_FALSE(memory.expired());
    }
    EXPECT_TRUE(memory.expired()) << call;
  }
}

TEST(Compile, PassesOnWhatTheFunctionThrowsAndRecordsAgain) {
  bool broken = true;
  auto function = compile([&](const Tensor& x) {
    if (broken) throw ValueError("broken");
    return x + 1;
  });
  EXPECT_EQ(message_of<Error>([&] { function(Tensor({1.0})); }), "broken");
  broken = false;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(function(Tensor({1.0})).item(), 2);
}

TEST(Compile, RefusesToRunWithinItself) {
  std::function<Tensor(const Tensor&)> again;
  auto function = compile([&](const Tensor& x) { return again(x); });
  again = [&](const Tensor& x) { return function(x); };
  EXPECT_NE(message_of<Error>([&] { function(Tensor({1.0})); }).find("running already"), std::string::npos);
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

TEST(Compile, FusesPointwiseChainsAndDropsWhatIsNotNeeded) {
  auto function = compile([](const Tensor& x) {
    static_cast<void>(exp(x));  // dead
    const Tensor y = sigmoid(x * 2) + sigmoid(x * 2);
    return sum(y);
  });
  function(Tensor({1.0, 2.0}));
  const std::string text = explain(function);
  EXPECT_NE(text.find("{mul sigmoid add sum}"), std::string::npos) << text;
  EXPECT_NE(text.find("1 records"), std::string::npos) << text;
}

TEST(Compile, FusesAnOperationThatWasDefinedOutsideTheLibrary) {
  static const Operation swish = pointwise(
      "test_swish",
      {.formula = [](Scalar x, Scalar beta) { return x / (1.0 + exp(-(beta * x))); }, .attributes = {{"beta", 1.5}}});
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

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <support/tensors.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/host.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/tape.h>

// What lives on between the calls of a compiled function beside parameters: generators and the host's flags.

namespace wengert {
namespace {

template <typename F>
void expect_frozen(F call, const std::string& what) {
  try {
    call();
    ADD_FAILURE() << what << " was read";
  } catch (const ValueError& error) {
    EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("frozen"), std::string::npos) << error.what();
  }
}

/// Two draws that depend on one another, with a derivative, and an odd number of elements between.
std::array<Tensor, 3> noisy_gradient(const Tensor& x, Generator& generator) {
  Tape tape;
  const Tensor v = tape.watch(x);
  const Tensor mask = cast(uniform(x.shape(), 0, 1, generator, x.dtype()) < 0.7, x.dtype());
  const Tensor noise = normal({5}, 1, 0.1, generator, x.dtype());
  const Tensor y = sum(square(v * mask) / 0.7) * sum(noise);
  return {y, tape.gradient(y, v), noise};
}

TEST(CompileRandom, DrawsAtEveryCallWhatEagerDraws) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Generator eager(3, 8), compiled(3, 8);
    auto function = compile([&](const Tensor& x) { return noisy_gradient(x, compiled); });
    auto plain =
        compile([&](const Tensor& x) { return noisy_gradient(x, compiled); }, {.merge_equal = false, .fuse = false});
    for (std::uint64_t call = 0; call < 60; ++call) {
      const Tensor x = random_tensor({3, call % 7 == 6 ? 4 : 7}, call, dtype);
      const auto expected = noisy_gradient(x, eager);
      const auto replayed = call % 3 == 2 ? plain(x) : function(x);
      for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_TRUE(same_bits(replayed[i], expected[i])) << call;
      ASSERT_EQ(compiled.position(), eager.position());
    }
  }
}

TEST(CompileRandom, GoesOnFromWhereTheGeneratorWasSetBetweenCalls) {
  Generator generator(1);
  auto draw = compile([&] { return uniform({4}, 0, 1, generator); });
  const Tensor first = draw(), second = draw();
  EXPECT_FALSE(same_bits(first, second));
  generator.set_position(0);
  EXPECT_TRUE(same_bits(draw(), first));
  EXPECT_TRUE(same_bits(draw(), second));
  generator = Generator(2);
  Generator other(2);
  EXPECT_TRUE(same_bits(draw(), uniform({4}, 0, 1, other)));
  Generator copy = generator;
  EXPECT_TRUE(same_bits(draw(), uniform({4}, 0, 1, copy))) << "a copy goes on by itself";
  EXPECT_EQ(copy.position(), generator.position());
}

TEST(CompileRandom, GivesTheSameNumbersFromAGeneratorThatTheFunctionMakes) {
  Generator outside(4);
  auto draw = compile([&] {
    Generator own(7), copy = outside;
    own.below(3);
    return std::pair(normal({3}, 0, 1, own), normal({3}, 0, 1, copy));
  });
  Generator own(7);
  own.next();
  const Tensor expected = normal({3}, 0, 1, own);
  for (int call = 0; call < 4; ++call) {
    Generator copy = outside;
    const auto [of_own, of_copy] = draw();
    EXPECT_TRUE(same_bits(of_own, expected));
    EXPECT_TRUE(same_bits(of_copy, normal({3}, 0, 1, copy))) << call;
    if (call == 1) outside.next();
  }
}

TEST(CompileRandom, RefusesToFreezeNumbersOfTheHost) {
  Generator generator(1);
  expect_frozen([&] { compile([&] { return Tensor(static_cast<double>(generator.next())); })(); }, "next");
  expect_frozen([&] { compile([&] { return Tensor(static_cast<double>(generator.below(3))); })(); }, "below");
  expect_frozen([&] { compile([&] { return Tensor(static_cast<double>(generator.position())); })(); }, "position");
  expect_frozen([&] { compile([&] { return permutation(3, generator); })(); }, "permutation");
  EXPECT_EQ(generator.position(), 0U);
}

TEST(CompileRandom, IsTheSameAtEveryCallToVerify) {
  Generator generator(1);
  auto draw = compile([&] { return normal({2}, 0, 1, generator); }, {.verify = true});
  const Tensor first = draw();
  EXPECT_FALSE(same_bits(draw(), first));
}

TEST(CompileSlots, AreMadeAnewWhereTheFunctionMakesThem) {
  std::optional<Slot> left_behind;
  auto count = compile([&](const Tensor& x) {
    Slot local(x * 2);
    local.assign(local.value() + 1);
    if (!left_behind) left_behind = local;
    return local.value();
  });
  for (int call = 0; call < 4; ++call) {
    EXPECT_EQ(count(Tensor(1.0 * call)).item(), 2 * call + 1);
    EXPECT_EQ(left_behind->value().item(), 2 * call + 1);
  }
}

TEST(CompileFlags, ChooseTheProgram) {
  HostFlag negate(false), unread(false);
  int runs = 0;
  auto function = compile([&](const Tensor& x) {
    ++runs;
    return negate.get() ? -x : x + 1;
  });
  const Tensor x({2.0});
  for (int call = 0; call < 12; ++call) {
    negate.set(call % 4 >= 2);
    unread.set(call % 2 == 0);
    EXPECT_EQ(function(x).item(), negate.get() ? -2 : 3);
  }
  EXPECT_EQ(runs, 2);
}

TEST(CompileFlags, AreSetAtEveryCallAsTheFunctionSetsThem) {
  HostFlag first_half(true);
  auto function = compile([&](const Tensor& x) {
    const bool before = first_half.get();
    first_half.set(!before);
    return first_half.get() ? x : -x;
  });
  const Tensor x({2.0});
  for (int call = 0; call < 8; ++call) {
    EXPECT_EQ(function(x).item(), call % 2 == 0 ? -2 : 2);
    EXPECT_EQ(first_half.get(), call % 2 == 1);
  }
}

TEST(CompileFlags, KeepTheirIdentityWhenTheyAreAssigned) {
  HostFlag flag(false);
  auto function = compile([&](const Tensor& x) { return flag.get() ? -x : x; });
  EXPECT_EQ(function(Tensor(1.0)).item(), 1);
  flag = HostFlag(true);
  EXPECT_EQ(function(Tensor(1.0)).item(), -1);
  const HostFlag copy = flag;
  flag.set(false);
  EXPECT_TRUE(copy.get());
  EXPECT_EQ(function(Tensor(1.0)).item(), 1);
}

TEST(CompileVerify, FindsOtherParametersSlotsAndFlags) {
  Parameter p(ones({3}), "p"), q(full({3}, 5.0), "q");
  HostFlag flag(false), other(false);
  int calls = 0;
  const auto odd = [&] { return calls++ % 2 == 1; };
  const auto error = [&](auto function) -> std::string {
    auto compiled = compile(function, {.verify = true});
    calls = 0;
    compiled(ones({3}));
    try {
      compiled(ones({3}));
    } catch (const ValueError& failure) {
      return failure.what();
    }
    return "none";
  };
  const std::string others = "other parameters or slots are";
  EXPECT_NE(error([&](const Tensor& x) { return x * (odd() ? q : p).value(); }).find(others), std::string::npos);
  EXPECT_NE(error([&](const Tensor& x) { (odd() ? q : p).assign(x * 2.0); }).find(others), std::string::npos);
  EXPECT_NE(error([&](const Tensor& x) {
              if (!odd()) p.assign(x);
            }).find(others),
            std::string::npos);
  EXPECT_NE(error([&](const Tensor& x) {
              (odd() ? other : flag).set(true);
              return x * 2.0;
            }).find("other flags"),
            std::string::npos);
  EXPECT_NE(error([&](const Tensor& x) {
              const Tensor a = x + 1.0, b = x - 1.0;
              p.assign(odd() ? a : b);
            }).find("are assigned, or by other values"),
            std::string::npos);
  EXPECT_EQ(error([&](const Tensor& x) {
              Slot local(x);
              HostFlag own(true);
              own.set(!own.get());
              return own.get() ? x : local.value() * p.value();
            }),
            "none");
}

// The new value may be computed before, after, or in place of the old one.
TEST(CompileSlots, StayAsTheyWereWhereAnOperationThrows) {
  Parameter p(ones({2000}), "p");
  const std::vector<std::function<Tensor(const Tensor&)>> functions{
      [&](const Tensor& places) {
        const Tensor next = p.value() * 2.0, taken = take(ones({5}), places);
        p.assign(next);
        return taken;
      },
      [&](const Tensor& places) {
        const Tensor start = p.value() * 3.0, taken = take(ones({5}), places);
        p.assign(p.value() * 2.0);
        return taken + mean(start);
      },
      [&](const Tensor& labels) {
        p.assign(p.value() * 2.0);
        return softmax_cross_entropy(ones({2, 5}), labels);
      },
  };
  for (const auto& function : functions) {
    p.assign(ones({2000}));
    auto compiled = compile(function);
    for (int call = 0; call < 2; ++call) compiled(Tensor({1, 2}));
    EXPECT_EQ(p.value().data<float>()[1999], 4);
    for (int call = 0; call < 2; ++call) EXPECT_THROW(compiled(Tensor({1, 9})), ValueError);
    EXPECT_EQ(p.value().data<float>()[1999], 4);
    compiled(Tensor({1, 2}));
    EXPECT_EQ(p.value().data<float>()[1999], 8);

    auto recorded = compile(function);
    for (int call = 0; call < 2; ++call) EXPECT_THROW(recorded(Tensor({1, 9})), ValueError);
    EXPECT_EQ(p.value().data<float>()[1999], 8);
  }
}

TEST(CompileSlots, HaveTheValueThatTheyWereGivenOutsideOfTheProgram) {
  auto function = compile([](const Tensor& x) {
    Parameter made(zeros({3}));
    {
      const Uncompiled once;
      made.assign(ones({3}));
    }
    return x * made.value();
  });
  for (int call = 0; call < 3; ++call) EXPECT_TRUE(same_bits(function(ones({3})), ones({3})));
}

// What was read before an assignment is another variable than what is read after it, whichever tensor is assigned.
TEST(CompileState, TellsWhatIsReadFromWhatIsReadAfterAnAssignmentOfTheSameTensor) {
  const Tensor two(2.0);
  const auto function = [&](Parameter parameter) {
    Tape tape;
    const Tensor before = parameter.value();
    parameter.assign(two);  // from the second call on it is there already
    const Tensor after = parameter.value();
    return tape.gradient(3.0 * before + after, before);
  };
  Parameter eager(Tensor(1.0)), replayed(Tensor(1.0));
  const auto compiled = compile([&] { return function(replayed); });
  for (int call = 0; call < 3; ++call) {
    EXPECT_EQ(function(eager).item(), 3.0) << call;
    EXPECT_EQ(compiled().item(), 3.0) << call;
  }
}

}  // namespace
}  // namespace wengert

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/kernels/instruction_sets.h"
#include "autograd/kernels/programs.h"
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <wengert/autograd/kernels/compiled_step.h>
#include <wengert/autograd/kernels/machine_code.h>
#include <wengert/autograd/kernels/pointwise_plan.h>
#include <wengert/autograd/kernels/pointwise_schedule.h>
#include <wengert/autograd/kernels/primitives.h>
#include <wengert/autograd/subnormals.h>

namespace wengert::kernels {
namespace {

#ifdef NDEBUG
constexpr bool is_optimised = true;
#else
constexpr bool is_optimised = false;
#endif

/// For which instruction sets there is code, by their names: it must not be missing unnoticed, since primitives give
/// the same bits.
bool is_code_expected() {
  return HWY_ARCH_X86_64 && std::string_view(instruction_set()).starts_with("AVX") && can_place_code();
}

TEST(CompiledStep, IsCodeWhereverThereIsAnInstructionSetForIt) {
  const Program program{.inputs = 2, .instructions = {{Primitive::mul, 0, 1}, {Primitive::add, 2, 1}}, .outputs = {3}};
  for_each_instruction_set([&] {
    EXPECT_EQ(compiled_step::is_possible(), is_code_expected());
    const PointwisePlan plan(program, true);
    EXPECT_EQ(plan.steps.size(), is_code_expected() ? 1U : 2U);
    EXPECT_EQ(plan.code.size(), is_code_expected() ? 2U : 0U) << "of f32 and f64";
    for (const auto& code : plan.code) EXPECT_NE(code, nullptr);
  });
}

/// Of two NaNs a sum or product gives the first, unless the compiler changes their order: where it does not optimise.
/// Then copy_sign, which makes that the sign of a number, is left out.
std::vector<Primitive> all_that_are_compiled() {
  std::vector<Primitive> all;
  for (int i = 0; i <= static_cast<int>(Primitive::copy_sign); ++i) {
    const auto primitive = static_cast<Primitive>(i);
    if (compiled_step::can_have(primitive) && (is_optimised || primitive != Primitive::copy_sign))
      all.push_back(primitive);
  }
  return all;
}

/// Numbers of either sign, infinities, zeros, subnormal numbers and NaN, in an order by chance.
template <typename T>
std::vector<T> all_sorts(std::size_t count, std::mt19937& engine) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> special = {0,
                                  -T{0},
                                  1,
                                  -1,
                                  Limits::infinity(),
                                  -Limits::infinity(),
                                  2,
                                  T{0.5},
                                  -T{2.5},
                                  T{3.5},
                                  Limits::quiet_NaN(),
                                  -Limits::quiet_NaN(),
                                  -3,
                                  T{1} / 3,
                                  Limits::max(),
                                  Limits::min(),
                                  Limits::denorm_min(),
                                  Limits::epsilon()};
  std::uniform_real_distribution<T> uniform(-4, 4);
  std::vector<T> numbers(count);
  for (T& number : numbers) number = engine() % 2 == 0 ? uniform(engine) : special[engine() % special.size()];
  return numbers;
}

/// Nor is that of a fused multiply-add known.
bool is_nan_sign_known(const Program& program) {
  return is_optimised && std::none_of(program.instructions.begin(), program.instructions.end(),
                                      [](const auto& i) { return i.primitive == Primitive::fma; });
}

template <typename T>
struct Case {
  Program program;
  std::vector<std::vector<T>> inputs;  // of `count` elements, or one
  std::vector<double> uniforms;
  std::size_t count = 0;
};

/// What the program's outputs are, all its instructions in one run; or one after the other, each in a run of its own.
template <typename T>
std::vector<std::vector<T>> outputs_of(const Case<T>& c) {
  const std::int64_t one = 1, none = 0;
  const auto shape = static_cast<std::int64_t>(c.count);
  std::vector<PointwiseInput> inputs;
  inputs.reserve(c.inputs.size());
  for (const std::vector<T>& input : c.inputs)
    inputs.push_back({input.data(), dtype_of<T>, input.size() == 1 && c.count != 1 ? &none : &one});
  std::vector<std::vector<T>> results(c.program.outputs.size(), std::vector<T>(c.count));
  std::vector<PointwiseOutput> outputs;
  outputs.reserve(results.size());
  for (std::vector<T>& result : results) outputs.push_back({result.data(), dtype_of<T>});
  PointwiseKernel(c.program).run(dtype_of<T>, inputs, c.uniforms, outputs, {&shape, 1});
  return results;
}

template <typename T>
std::vector<std::vector<T>> outputs_one_by_one(const Case<T>& c) {
  std::vector<std::vector<T>> values;
  values.reserve(c.inputs.size() + c.uniforms.size() + c.program.instructions.size());
  for (const std::vector<T>& input : c.inputs)
    values.push_back(input.size() == 1 ? std::vector<T>(c.count, input[0]) : input);
  for (const double uniform : c.uniforms) values.emplace_back(c.count, static_cast<T>(uniform));
  for (const Instruction& i : c.program.instructions) {
    if (i.primitive == Primitive::constant) {
      values.emplace_back(c.count, static_cast<T>(i.value));
      continue;
    }
    Case<T> alone{single(i.primitive), {}, {}, c.count};
    for_operands(i, [&](std::size_t operand) { alone.inputs.push_back(values[operand]); });
    values.push_back(outputs_of(alone)[0]);
  }
  std::vector<std::vector<T>> results;
  results.reserve(c.program.outputs.size());
  for (const std::uint16_t output : c.program.outputs) results.push_back(values[output]);
  return results;
}

template <typename T>
void expect_one_run_to_give_what_instructions_give(const Case<T>& c) {
  const auto together = outputs_of(c), one_by_one = outputs_one_by_one(c);
  const bool is_strict = is_nan_sign_known(c.program);
  for (std::size_t k = 0; k < together.size(); ++k) {
    for (std::size_t i = 0; i < c.count; ++i) {
      const T value = together[k][i], expected = one_by_one[k][i];
      if (!is_strict && std::isnan(value) && std::isnan(expected)) continue;
      ASSERT_TRUE(same_bits(value, expected))
          << "output " << k << ", element " << i << ": " << value << ", expected " << expected;
    }
  }
}

/// Each primitive behind a product and before a sum, so that it is in the middle of a step.
template <typename T>
void expect_primitives_to_keep_their_bits() {
  std::mt19937 engine(1);
  for (const Primitive primitive : all_that_are_compiled()) {
    SCOPED_TRACE(name_of(primitive));
    Case<T> c{
        {.inputs = 3,
         .instructions = {{Primitive::mul, 0, 1}, {primitive, 3, 2, 1}, {primitive, 2, 3, 0}, {Primitive::add, 4, 5}},
         .outputs = {4, 5, 6}},
        {},
        {},
        1003};
    for (int i = 0; i < 3; ++i) c.inputs.push_back(all_sorts<T>(c.count, engine));
    expect_one_run_to_give_what_instructions_give(c);
  }
}

TEST(CompiledStep, KeepsTheBitsOfEachPrimitive) {
  for_each_instruction_set([] {
    expect_primitives_to_keep_their_bits<float>();
    expect_primitives_to_keep_their_bits<double>();
  });
}

TEST(CompiledStep, KeepsThemWhereSubnormalNumbersAreTakenForZero) {
  const SubnormalsAsZero zero;
  for_each_instruction_set([] {
    expect_primitives_to_keep_their_bits<float>();
    expect_primitives_to_keep_their_bits<double>();
  });
}

/// Up to 80 instructions that read what they like: more values at a time than there are registers; with some that
/// are not compiled between them, literals, attributes, inputs of one element, and values that leave the program.
template <typename T>
Case<T> random_case(std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::vector<Primitive> compiled = all_that_are_compiled();
  // The sign of a NaN that a fused multiply-add gives is not known, and becomes that of a number.
  std::erase(compiled, seed % 2 == 0 ? Primitive::fma : Primitive::copy_sign);
  const auto inputs = static_cast<std::uint16_t>(1 + engine() % 4), uniforms = static_cast<std::uint16_t>(engine() % 3);
  Case<T> c{{inputs, uniforms, {}, {}}, {}, {}, 1 + engine() % 3000};
  for (int i = 0; i < inputs; ++i) c.inputs.push_back(all_sorts<T>(engine() % 4 == 0 ? 1 : c.count, engine));
  for (int i = 0; i < uniforms; ++i) c.uniforms.push_back(static_cast<T>(engine() % 7) - 3);
  const std::size_t instructions = 1 + engine() % 80;
  for (std::size_t i = 0; i < instructions; ++i) {
    const std::size_t values = inputs + uniforms + i;
    const auto any = [&] { return static_cast<std::uint16_t>(engine() % values); };
    const auto kind = engine() % 12;
    if (kind == 0) {
      c.program.instructions.push_back({Primitive::constant, 0, 0, 0, static_cast<double>(engine() % 9) / 2 - 2});
    } else {
      const Primitive other = engine() % 2 == 0 ? Primitive::exp : Primitive::tanh;
      c.program.instructions.push_back({kind == 1 ? other : compiled[engine() % compiled.size()], any(), any(), any()});
    }
  }
  const std::size_t outputs = 1 + engine() % 4, values = inputs + uniforms + instructions;
  for (std::size_t k = 0; k < outputs; ++k)
    c.program.outputs.push_back(static_cast<std::uint16_t>(k == 0 ? values - 1 : engine() % values));
  return c;
}

TEST(CompiledStep, RunsProgramsOfAllKinds) {
  for_each_instruction_set([] {
    for (std::uint32_t seed = 0; seed < 400; ++seed) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      expect_one_run_to_give_what_instructions_give(random_case<float>(seed));
      expect_one_run_to_give_what_instructions_give(random_case<double>(seed));
      if (testing::Test::HasFatalFailure()) return;
    }
  });
}

TEST(CompiledStep, MayWriteOverWhatItReads) {
  // Both results are written where an input stands, the second of which is read again after the first was computed.
  const Program program{
      .inputs = 2,
      .instructions = {{Primitive::add, 0, 1}, {Primitive::exp, 2}, {Primitive::mul, 3, 0}, {Primitive::sub, 4, 1}},
      .outputs = {2, 5}};
  for_each_instruction_set([&] {
    std::vector<float> x = random_numbers<float>(5000, 1), y = random_numbers<float>(5000, 2);
    const std::vector<float> sum = outputs_of<float>({program, {x, y}, {}, x.size()})[0];
    const std::vector<float> rest = outputs_of<float>({program, {x, y}, {}, x.size()})[1];
    const std::int64_t one = 1, shape = 5000;
    const std::array inputs = {PointwiseInput{x.data(), DType::f32, &one}, PointwiseInput{y.data(), DType::f32, &one}};
    const std::array outputs = {PointwiseOutput{x.data(), DType::f32}, PointwiseOutput{y.data(), DType::f32}};
    PointwiseKernel(program).run(DType::f32, inputs, {}, outputs, {&shape, 1});
    EXPECT_EQ(x, sum);
    EXPECT_EQ(y, rest);
  });
}

#ifdef __x86_64__

/// From now on this process may not make memory executable.
bool forbid_executable_memory() {
  std::array<sock_filter, 6> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{filter.size(), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(CompiledStep, IsDoneByPrimitivesWhereNoMoreCodeMayBePlaced) {
  if (!is_code_expected()) GTEST_SKIP() << "no code is made for this processor";
  ASSERT_TRUE(compiled_step::is_possible());
  const Case<float> c = random_case<float>(2);
  const auto expected = outputs_of(c);
  enum : int { passed, not_forbidden, never_full, wrong };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!forbid_executable_memory()) _exit(not_forbidden);
    const std::vector<std::uint8_t> code(1000);
    std::vector<std::shared_ptr<void>> placed{place_code(code)};
    while (placed.back() != nullptr && placed.size() < 1000) placed.push_back(place_code(code));
    if (placed.back() != nullptr) _exit(never_full);
    const auto result = outputs_of(c);
    _exit(std::equal(result[0].begin(), result[0].end(), expected[0].begin(), same_bits<float>) ? passed : wrong);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == not_forbidden) GTEST_SKIP() << "this system lets a process forbid itself nothing";
  EXPECT_EQ(WEXITSTATUS(status), passed);
}

#endif

std::vector<std::size_t> sizes_of_steps(const PointwiseSchedule& schedule) {
  std::vector<std::size_t> sizes;
  for (std::size_t s = 0; s < schedule.steps(); ++s) sizes.push_back(schedule.step(s).size());
  return sizes;
}

TEST(PointwiseSchedule, DoesAllThatCanBeCompiledInOneStep) {
  // tanh(x) · x + exp(x), and 1 − tanh(x)².
  const Program program{.inputs = 1,
                        .instructions = {{Primitive::tanh, 0},
                                         {Primitive::mul, 1, 0},
                                         {Primitive::exp, 0},
                                         {Primitive::add, 2, 3},
                                         {Primitive::constant, 0, 0, 0, 1},
                                         {Primitive::mul, 1, 1},
                                         {Primitive::sub, 5, 6}},
                        .outputs = {4, 7}};
  Flags is_uniform(8, 0), is_wanted(8, 1);
  is_uniform[5] = 1;
  const PointwiseSchedule compiled(program, is_uniform, is_wanted, true);
  EXPECT_EQ(sizes_of_steps(compiled), (std::vector<std::size_t>{1, 1, 4}));
  EXPECT_EQ(compiled.step(0)[0], 0);
  EXPECT_EQ(compiled.step(1)[0], 2);
  EXPECT_EQ(sizes_of_steps({program, is_uniform, is_wanted, false}), std::vector<std::size_t>(6, 1));
}

TEST(PointwiseSchedule, KeepsFewArraysAtATime) {
  // Σ exp(c · x) over twelve numbers c.
  Program program{1, 12, {}, {}};
  std::uint16_t sum = 0;
  for (std::uint16_t k = 0; k < 12; ++k) {
    const auto next = static_cast<std::uint16_t>(13 + program.instructions.size());
    program.instructions.push_back({Primitive::mul, 0, static_cast<std::uint16_t>(1 + k)});
    program.instructions.push_back({Primitive::exp, next});
    if (k > 0) program.instructions.push_back({Primitive::add, sum, static_cast<std::uint16_t>(next + 1)});
    sum = static_cast<std::uint16_t>(next + (k > 0 ? 2 : 1));
  }
  program.outputs = {sum};
  Flags is_uniform(13 + program.instructions.size(), 0);
  for (std::size_t k = 1; k <= 12; ++k) is_uniform[k] = 1;
  const Flags is_wanted(is_uniform.size(), 1);
  // Eight products, eight exponentials, the sum of these beside four products more, four exponentials, the rest.
  std::vector<std::size_t> expected(15, 1);
  expected[0] = 8;
  expected[9] = 11;
  expected[14] = 4;
  EXPECT_EQ(sizes_of_steps({program, is_uniform, is_wanted, true}), expected);
}

}  // namespace
}  // namespace wengert::kernels

// The kernels by themselves, by one thread, each beside what one core can do: products beside its multiply-adds, passes
// over memory beside copies of as many bytes, both measured in the same process. `of_limit` is the quotient.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels.cpp"
#include <hwy/foreach_target.h>  // must stand before highway.h
#include <hwy/highway.h>
#include <multiply_add-inl.h>

#if HWY_ONCE
#include <wengert/autograd/internal/pointwise_rule.h>
#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/kernels/reduce.h>
#include <wengert/autograd/threads.h>
#include <wengert/optim/internal/adam_update.h>

namespace {

namespace wg = wengert;
namespace k = wengert::kernels;

HWY_EXPORT(multiply_add_f32);
HWY_EXPORT(multiply_add_f64);

/// The best rate of several short tries; `work` gives how much it did.
template <typename F>
double best_rate(F work) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  for (int i = 0; i < 30; ++i) {
    const auto start = Clock::now();
    const double done = work();
    best = std::max(best, done / std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

template <typename T>
double flops_of_one_core() {
  static const double rate = best_rate([] {
    T result{};
    double count = 0;
    if constexpr (sizeof(T) == 4)
      count = HWY_DYNAMIC_DISPATCH(multiply_add_f32)(100'000, result);
    else
      count = HWY_DYNAMIC_DISPATCH(multiply_add_f64)(100'000, result);
    benchmark::DoNotOptimize(result);
    return 2 * count;
  });
  return rate;
}

/// Bytes per second, read and written, of a copy that touches `bytes` in all.
double copy_rate(std::size_t bytes) {
  std::vector<char> from(bytes / 2, 1), to(bytes / 2);
  return best_rate([&] {
    const std::size_t times = std::max<std::size_t>(1, (std::size_t{1} << 22) / bytes);
    for (std::size_t i = 0; i < times; ++i) {
      std::memcpy(to.data(), from.data(), from.size());
      benchmark::ClobberMemory();
    }
    return static_cast<double>(times * bytes);
  });
}

void report(benchmark::State& state, const char* unit, double per_call, double limit) {
  const double calls = static_cast<double>(state.iterations());
  state.counters[unit] = benchmark::Counter(per_call * calls, benchmark::Counter::kIsRate);
  state.counters["of_limit"] = benchmark::Counter(per_call * calls / limit, benchmark::Counter::kIsRate);
}

template <typename T>
std::vector<T> numbers(std::size_t count, double low, double high) {
  std::mt19937_64 random(count);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<T> result(count);
  std::generate(result.begin(), result.end(), [&] { return static_cast<T>(uniform(random)); });
  return result;
}

// Pointwise programs over contiguous memory.

template <typename T>
void run_program(benchmark::State& state, const k::PointwiseKernel& kernel, std::size_t count, double low,
                 double high) {
  const k::Program& program = kernel.program();
  const std::int64_t next = 1, same = 0, size = static_cast<std::int64_t>(count);
  const std::size_t arrays = kernel.is_native() ? 4 : program.inputs;  // Adam's rate, its fifth input, is one number
  std::vector<std::vector<T>> memory;
  std::vector<k::PointwiseInput> inputs;
  std::vector<k::PointwiseOutput> outputs;
  for (std::size_t i = 0; i < program.inputs + program.outputs.size(); ++i)
    memory.push_back(numbers<T>(count, low, high));
  for (std::size_t i = 0; i < program.inputs; ++i)
    inputs.push_back({memory[i].data(), wg::dtype_of<T>, i < arrays ? &next : &same});
  for (std::size_t i = program.inputs; i < memory.size(); ++i) outputs.push_back({memory[i].data(), wg::dtype_of<T>});
  const std::vector<double> uniforms(program.uniforms, 0.1);
  for (auto _ : state) {
    kernel.run(wg::dtype_of<T>, inputs, uniforms, outputs, {&size, 1});
    benchmark::ClobberMemory();
  }
  const std::size_t bytes = (arrays + outputs.size()) * count * sizeof(T);
  report(state, "bytes_per_second", static_cast<double>(bytes), copy_rate(bytes));
  state.counters["ns/element"] =
      benchmark::Counter(static_cast<double>(count) * static_cast<double>(state.iterations()) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

k::PointwiseKernel single(k::Primitive primitive) {
  const auto inputs = static_cast<std::uint16_t>(k::arity(primitive));
  return k::PointwiseKernel({.inputs = inputs, .instructions = {{primitive, 0, 1, 2}}, .outputs = {inputs}});
}

void register_primitives() {
  for (auto p = k::Primitive::add; p <= k::Primitive::copy_sign;
       p = static_cast<k::Primitive>(static_cast<int>(p) + 1)) {
    // Where every primitive is itself, and none a special case.
    const double low = p == k::Primitive::acosh ? 1.1 : 0.01;
    const double high = p == k::Primitive::acosh ? 4 : 0.99;
    const std::string name = fmt::format("primitive/{}", k::name_of(p));
    benchmark::RegisterBenchmark((name + "/f32").c_str(),
                                 [=](auto& s) { run_program<float>(s, single(p), 1 << 13, low, high); });
    benchmark::RegisterBenchmark((name + "/f64").c_str(),
                                 [=](auto& s) { run_program<double>(s, single(p), 1 << 12, low, high); });
  }
}

void register_programs() {
  const auto add = [](const std::string& name, const wg::PointwiseRule* rule) {
    for (const std::size_t count : {std::size_t{1} << 12, std::size_t{1} << 22}) {
      const std::string size = fmt::format("/{}", count);
      benchmark::RegisterBenchmark((name + "/f32" + size).c_str(),
                                   [=](auto& s) { run_program<float>(s, rule->kernel(), count, -3, 3); });
      benchmark::RegisterBenchmark((name + "/f64" + size).c_str(),
                                   [=](auto& s) { run_program<double>(s, rule->kernel(), count, -3, 3); });
    }
  };
  for (const char* name : {"relu", "sigmoid", "tanh", "softplus", "gelu", "gelu_tanh", "mish"}) {
    const wg::Operation* operation = wg::find_operation(name);
    add(fmt::format("program/{}/forward", name), operation->pointwise.get());
    add(fmt::format("program/{}/backward", name),
        operation->pointwise->derivative(*operation, 0).operation.pointwise.get());
  }
  add("program/adam", wg::optim::detail::adam_update().pointwise.get());
}

// What a call costs where there is next to nothing to do.

void register_calls() {
  const k::PointwiseKernel& adam = wg::optim::detail::adam_update().pointwise->kernel();
  for (const std::size_t count : {1U, 16U, 64U, 256U}) {
    const std::string size = fmt::format("/{}", count);
    benchmark::RegisterBenchmark(("call/add" + size).c_str(),
                                 [=](auto& s) { run_program<float>(s, single(k::Primitive::add), count, -3, 3); });
    benchmark::RegisterBenchmark(("call/adam" + size).c_str(),
                                 [=, &adam](auto& s) { run_program<float>(s, adam, count, 0.1, 3); });
  }
}

// a + b where b comes in another order, size or dtype; a is [512, 512].

template <typename Stored>
void run_layout(benchmark::State& state, std::array<std::int64_t, 2> strides) {
  constexpr std::int64_t side = 512;
  const k::PointwiseKernel kernel = single(k::Primitive::add);
  const auto a = numbers<float>(side * side, -3, 3);
  const auto b = numbers<Stored>(2 * side * side, 0, 9);
  std::vector<float> c(a.size());
  const std::array<std::int64_t, 2> shape = {side, side}, contiguous = {side, 1};
  const std::array inputs = {k::PointwiseInput{a.data(), wg::DType::f32, contiguous.data()},
                             k::PointwiseInput{b.data(), wg::dtype_of<Stored>, strides.data()}};
  const k::PointwiseOutput output = {c.data(), wg::DType::f32};
  for (auto _ : state) {
    kernel.run(wg::DType::f32, inputs, {}, {&output, 1}, shape);
    benchmark::ClobberMemory();
  }
  const std::size_t bytes = (2 * sizeof(float) + sizeof(Stored)) * c.size();
  report(state, "bytes_per_second", static_cast<double>(bytes), copy_rate(bytes));
}

void register_layouts() {
  using Strides = std::array<std::int64_t, 2>;
  const auto add = [](const char* name, auto run, Strides strides) {
    benchmark::RegisterBenchmark(name, [=](auto& s) { run(s, strides); });
  };
  add("layout/contiguous", run_layout<float>, {512, 1});
  add("layout/number", run_layout<float>, {0, 0});
  add("layout/row", run_layout<float>, {0, 1});
  add("layout/column", run_layout<float>, {1, 0});
  add("layout/transposed", run_layout<float>, {1, 512});
  add("layout/every_second", run_layout<float>, {1024, 2});
  add("layout/f64", run_layout<double>, {512, 1});
  add("layout/u8", run_layout<std::uint8_t>, {512, 1});
  add("layout/i32", run_layout<std::int32_t>, {512, 1});
}

// Reductions of [outer, n, inner] over n.

template <typename T>
void run_reduction(benchmark::State& state, k::Reduction reduction, std::int64_t outer, std::int64_t n,
                   std::int64_t inner) {
  const auto in = numbers<T>(static_cast<std::size_t>(outer * n * inner), -1, 1);
  std::vector<T> out(static_cast<std::size_t>(outer * inner));
  for (auto _ : state) {
    k::reduce(reduction, wg::dtype_of<T>, in.data(), out.data(), outer, n, inner);
    benchmark::ClobberMemory();
  }
  const std::size_t bytes = (in.size() + out.size()) * sizeof(T);
  report(state, "bytes_per_second", static_cast<double>(bytes), copy_rate(bytes));
}

void register_reductions() {
  struct Case {
    std::int64_t outer, n, inner;
  };
  for (const Case c : {Case{1, 1 << 13, 1}, Case{1, 1 << 22, 1}, Case{512, 512, 1}, Case{1, 512, 512}, Case{32, 10, 1},
                       Case{1, 32, 128}}) {
    const std::string shape = fmt::format("/{}x{}x{}", c.outer, c.n, c.inner);
    const auto add = [&](const char* name, auto run, k::Reduction r) {
      benchmark::RegisterBenchmark((name + shape).c_str(), [=](auto& s) { run(s, r, c.outer, c.n, c.inner); });
    };
    add("reduce/sum/f32", run_reduction<float>, k::Reduction::sum);
    add("reduce/sum/f64", run_reduction<double>, k::Reduction::sum);
    add("reduce/max/f32", run_reduction<float>, k::Reduction::max);
  }
}

// Products.

struct Product {
  std::int64_t m, n, k;
  bool a_transposed = false, b_transposed = false;
};

template <typename T>
void run_product(benchmark::State& state, const Product& p) {
  const auto a = numbers<T>(static_cast<std::size_t>(p.m * p.k), -1, 1);
  const auto b = numbers<T>(static_cast<std::size_t>(p.k * p.n), -1, 1);
  std::vector<T> c(static_cast<std::size_t>(p.m * p.n));
  for (auto _ : state) {
    k::gemm(wg::dtype_of<T>, p.m, p.n, p.k, {a.data(), p.a_transposed ? p.m : p.k, p.a_transposed},
            {b.data(), p.b_transposed ? p.k : p.n, p.b_transposed}, c.data(), p.n);
    benchmark::ClobberMemory();
  }
  report(state, "FLOP/s", 2 * static_cast<double>(p.m * p.n * p.k), flops_of_one_core<T>());
}

void register_products() {
  // The main job's six, then squares, a tall one and thin ones.
  for (const Product& p : {Product{32, 128, 784}, Product{784, 128, 32, true}, Product{32, 784, 128, false, true},
                           Product{32, 10, 128}, Product{128, 10, 32, true}, Product{32, 128, 10, false, true},
                           Product{256, 256, 256}, Product{512, 512, 512}, Product{1024, 1024, 1024},
                           Product{1024, 1024, 1024, true, true}, Product{4096, 16, 256}, Product{16, 4096, 256},
                           Product{1, 1024, 1024}, Product{1024, 1, 1024}, Product{8, 8, 8}, Product{64, 64, 64}}) {
    const std::string shape =
        fmt::format("/{}x{}x{}/{}{}", p.m, p.n, p.k, p.a_transposed ? 'T' : 'N', p.b_transposed ? 'T' : 'N');
    benchmark::RegisterBenchmark(("gemm/f32" + shape).c_str(), [=](auto& s) { run_product<float>(s, p); });
    benchmark::RegisterBenchmark(("gemm/f64" + shape).c_str(), [=](auto& s) { run_product<double>(s, p); });
  }
}

/// The limits themselves, as lines of the table.
void register_limits() {
  const auto add = [](const char* name, const char* unit, auto rate) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
      for (auto _ : state) state.counters[unit] = rate();
    })->Iterations(1);
  };
  add("limit/multiply_add/f32", "FLOP/s", flops_of_one_core<float>);
  add("limit/multiply_add/f64", "FLOP/s", flops_of_one_core<double>);
  add("limit/copy/32KiB", "bytes_per_second", [] { return copy_rate(std::size_t{1} << 15); });
  add("limit/copy/1MiB", "bytes_per_second", [] { return copy_rate(std::size_t{1} << 20); });
  add("limit/copy/64MiB", "bytes_per_second", [] { return copy_rate(std::size_t{1} << 26); });
}

}  // namespace

int main(int argc, char** argv) {
  wg::set_threads(1);
  register_limits();
  register_primitives();
  register_programs();
  register_calls();
  register_layouts();
  register_reductions();
  register_products();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
#endif  // HWY_ONCE

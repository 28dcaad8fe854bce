// What this machine can do, for every other figure to stand beside: multiply-adds that never leave the registers, and
// copies, by one thread and by as many as there are processors.

#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

// The loop of multiply-adds is compiled once per instruction set, as the library's kernels are.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "machine.cpp"
#include <hwy/foreach_target.h>  // must stand before highway.h
#include <hwy/highway.h>
#include <multiply_add-inl.h>

#if HWY_ONCE
namespace {

HWY_EXPORT(multiply_add_f32);
HWY_EXPORT(multiply_add_f64);

template <typename T>
void peak(benchmark::State& state) {
  double count = 0;
  for (auto _ : state) {
    T result{};
    if constexpr (sizeof(T) == 4)
      count += HWY_DYNAMIC_DISPATCH(multiply_add_f32)(100'000, result);
    else
      count += HWY_DYNAMIC_DISPATCH(multiply_add_f64)(100'000, result);
    benchmark::DoNotOptimize(result);
  }
  state.counters["FLOP/s"] = benchmark::Counter(2 * count, benchmark::Counter::kIsRate);
}

/// Memory that begins with a page. The speed of a copy depends on where on their pages both sides are: Zen 3 takes
/// twenty times as long where the target begins up to 31 bytes later on its page than the source.
auto pages(std::size_t bytes) {
  std::unique_ptr<char, decltype(&std::free)> memory(static_cast<char*>(std::aligned_alloc(4096, bytes)), &std::free);
  std::memset(memory.get(), 1, bytes);
  return memory;
}

/// Every thread copies memory of its own; read and written bytes both count.
void copy(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const auto from = pages(bytes), to = pages(bytes);
  for (auto _ : state) {
    std::memcpy(to.get(), from.get(), bytes);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(2 * bytes) * state.iterations());
}

void register_benchmarks() {
  std::vector<int> threads{1};
  if (const auto all = static_cast<int>(std::thread::hardware_concurrency()); all > 1) threads.push_back(all);
  for (const int n : threads) {
    benchmark::RegisterBenchmark("multiply_add/f32", peak<float>)->Threads(n)->UseRealTime();
    benchmark::RegisterBenchmark("multiply_add/f64", peak<double>)->Threads(n)->UseRealTime();
    for (const std::int64_t bytes : {1 << 14, 1 << 18, 1 << 22, 1 << 28}) {
      benchmark::RegisterBenchmark("copy", copy)->Arg(bytes)->Threads(n)->UseRealTime();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_benchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
#endif  // HWY_ONCE

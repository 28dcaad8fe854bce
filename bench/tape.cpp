// What the tape costs: operations so small that nothing else shows. A line's time is for one operation of the chain or
// layer it names.

#include <benchmark/benchmark.h>

#include <wengert/autograd/autograd.h>

namespace {

namespace wg = wengert;

constexpr int length = 1000;

/// Some operation `length` times over, from a scalar.
template <typename F>
wg::Tensor chain(wg::Tensor y, F f) {
  for (int i = 0; i < length; ++i) y = f(y);
  return y;
}

void per_operation(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * length);
  state.counters["per_operation"] = benchmark::Counter(static_cast<double>(state.iterations()) * length,
                                                       benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

template <typename F>
void unrecorded(benchmark::State& state, F f) {
  const wg::Tensor x(0.5F);
  for (auto _ : state) benchmark::DoNotOptimize(chain(x, f));
  per_operation(state);
}

template <typename F>
void recorded(benchmark::State& state, F f) {
  for (auto _ : state) {
    wg::Tape tape;
    benchmark::DoNotOptimize(chain(tape.watch(wg::Tensor(0.5F)), f));
  }
  per_operation(state);
}

template <typename F>
void forward_and_backward(benchmark::State& state, F f) {
  for (auto _ : state) {
    wg::Tape tape;
    const wg::Tensor x = tape.watch(wg::Tensor(0.5F));
    benchmark::DoNotOptimize(tape.gradient(chain(x, f), x));
  }
  per_operation(state);
}

/// Forward, backward, and backward through both.
template <typename F>
void second_derivative(benchmark::State& state, F f) {
  const auto second = wg::grad(wg::grad([&](const wg::Tensor& x) { return chain(x, f); }));
  for (auto _ : state) benchmark::DoNotOptimize(second(wg::Tensor(0.5F)));
  per_operation(state);
}

template <typename F>
void add(const std::string& name, F f) {
  benchmark::RegisterBenchmark((name + "/unrecorded").c_str(), [=](auto& state) { unrecorded(state, f); });
  benchmark::RegisterBenchmark((name + "/recorded").c_str(), [=](auto& state) { recorded(state, f); });
  benchmark::RegisterBenchmark((name + "/forward_and_backward").c_str(),
                               [=](auto& state) { forward_and_backward(state, f); });
  benchmark::RegisterBenchmark((name + "/second_derivative").c_str(),
                               [=](auto& state) { second_derivative(state, f); });
}

void open_and_close(benchmark::State& state) {
  for (auto _ : state) wg::Tape tape;
}

}  // namespace

int main(int argc, char** argv) {
  const wg::Tensor one(0.999F);
  add("sigmoid", [](const wg::Tensor& y) { return wg::sigmoid(y); });
  add("add", [=](const wg::Tensor& y) { return y + one; });
  add("add_itself", [](const wg::Tensor& y) { return y + y; });
  add("mul", [=](const wg::Tensor& y) { return y * one; });
  add("mul_number", [](const wg::Tensor& y) { return y * 0.999; });
  benchmark::RegisterBenchmark("tape/open_and_close", open_and_close);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

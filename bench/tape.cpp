// What the tape and its replay cost: operations so small that nothing else shows. A chain's time is for all of its
// operations; beside it stands that of one.

#include <benchmark/benchmark.h>

#include <wengert/autograd/autograd.h>
#include <wengert/nn/nn.h>
#include <wengert/optim/adam.h>

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

/// A function of the chain as it is replayed, each operation a record of its own.
template <typename F>
void replay(benchmark::State& state, const F& function) {
  const auto compiled = wg::compile(function, {.fuse = false});
  const wg::Tensor x(0.5F);
  benchmark::DoNotOptimize(compiled(x));
  for (auto _ : state) benchmark::DoNotOptimize(compiled(x));
  per_operation(state);
}

template <typename F>
void replayed(benchmark::State& state, F f) {
  replay(state, [&](const wg::Tensor& x) { return chain(x, f); });
}

template <typename F>
void replayed_forward_and_backward(benchmark::State& state, F f) {
  replay(state, wg::grad([&](const wg::Tensor& x) { return chain(x, f); }));
}

template <typename F>
void add(const std::string& name, F f) {
  benchmark::RegisterBenchmark((name + "/unrecorded").c_str(), [=](auto& state) { unrecorded(state, f); });
  benchmark::RegisterBenchmark((name + "/recorded").c_str(), [=](auto& state) { recorded(state, f); });
  benchmark::RegisterBenchmark((name + "/forward_and_backward").c_str(),
                               [=](auto& state) { forward_and_backward(state, f); });
  benchmark::RegisterBenchmark((name + "/second_derivative").c_str(),
                               [=](auto& state) { second_derivative(state, f); });
  benchmark::RegisterBenchmark((name + "/replayed").c_str(), [=](auto& state) { replayed(state, f); });
}

/// Gradients of `layers` small layers, 13 records each: the first call, which records and plans, beside the same
/// function uncompiled.
void compile_layers(benchmark::State& state, bool compiled) {
  const auto layers = static_cast<std::size_t>(state.range(0));
  std::vector<wg::Parameter> weights, biases;
  for (std::size_t i = 0; i < layers; ++i) {
    wg::Generator generator(i);
    weights.emplace_back(wg::uniform({4, 4}, -1, 1, generator));
    biases.emplace_back(wg::uniform({4}, -1, 1, generator));
  }
  const auto step = [&](const wg::Tensor& x) {
    wg::Tape tape;
    wg::Tensor y = x;
    for (std::size_t i = 0; i < layers; ++i) y = wg::tanh(wg::matmul(y, weights[i]) + biases[i]) + y;
    const wg::Tensor loss = wg::mean(wg::square(y));
    for (const auto& entry : tape.gradient(loss)) {
      wg::Parameter parameter = entry.parameter;
      parameter.assign(parameter.value() - entry.gradient * 1e-3);
    }
    return loss;
  };
  const wg::Tensor x = wg::ones({8, 4});
  for (auto _ : state) benchmark::DoNotOptimize(compiled ? wg::compile(step)(x) : step(x));
}

/// The first call of the main job's step: 784 → 128 → 10, Adam.
void compile_main_job(benchmark::State& state) {
  wg::nn::Sequential model{wg::nn::Flatten{}, wg::nn::Dense{784, 128, wg::nn::gelu},
                           wg::nn::Dense{128, 10, wg::nn::softmax}};
  wg::optim::Adam adam{model.parameters()};
  const wg::Tensor images = wg::ones({32, 28, 28}), labels = wg::zeros({32}, wg::DType::u8);
  const auto step = [&](const wg::Tensor& x, const wg::Tensor& y) {
    wg::Tape tape;
    const wg::Tensor loss = wg::nn::sparse_categorical_crossentropy(model(x), y);
    adam.step(tape.gradient(loss));
    return loss;
  };
  for (auto _ : state) benchmark::DoNotOptimize(wg::compile(step)(images, labels));
}

void open_and_close(benchmark::State& state) {
  for (auto _ : state) wg::Tape tape;
}

}  // namespace

int main(int argc, char** argv) {
  const wg::Tensor one(0.999F);
  add("sigmoid", [](const wg::Tensor& y) { return wg::sigmoid(y); });
  benchmark::RegisterBenchmark("sigmoid/replayed_forward_and_backward", [](auto& state) {
    replayed_forward_and_backward(state, [](const wg::Tensor& y) { return wg::sigmoid(y); });
  });
  add("add", [=](const wg::Tensor& y) { return y + one; });
  add("add_itself", [](const wg::Tensor& y) { return y + y; });
  add("mul", [=](const wg::Tensor& y) { return y * one; });
  add("mul_number", [](const wg::Tensor& y) { return y * 0.999; });
  benchmark::RegisterBenchmark("tape/open_and_close", open_and_close);
  benchmark::RegisterBenchmark("compile/main_job", compile_main_job)->Unit(benchmark::kMillisecond);
  for (const bool compiled : {false, true}) {
    benchmark::RegisterBenchmark(compiled ? "compile/layers" : "compile/layers_uncompiled",
                                 [=](auto& state) { compile_layers(state, compiled); })
        ->Arg(36)
        ->Arg(360)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

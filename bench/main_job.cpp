// The main job: 784 → 128 → 10 on Fashion-MNIST, batches of 32 in the order of the file, Adam, f32. A warm epoch by a
// loop written by hand, compiled and eager, and by fit.
//
//     bench_main_job [flags of Google Benchmark]
//     bench_main_job --serve ACTIVATION WEIGHTS.safetensors
//
// The second takes turns with the programs in bench/peers, and speaks as they do (job.py): first it prints the losses
// of the first steps from these weights, then it trains an epoch for every line it reads, and prints seconds and loss.

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/subnormals.h>
#include <wengert/autograd/tape.h>
#include <wengert/datasets/datasets.h>
#include <wengert/nn/nn.h>
#include <wengert/optim/optim.h>
#include <wengert/training/training.h>

namespace {

namespace wg = wengert;

constexpr std::int64_t batch_size = 32;
constexpr std::size_t steps_compared = 30;

const wg::datasets::Dataset& train_set() {
  static const wg::datasets::Dataset data = wg::datasets::fashion_mnist().train;
  return data;
}

/// The model and its optimiser, trained epoch by epoch.
class Job {
 public:
  explicit Job(const std::string& activation)
      : model_{wg::nn::Flatten{}, wg::nn::named("hidden", wg::nn::Dense{784, 128, wg::nn::activation(activation)}),
               wg::nn::named("output", wg::nn::Dense{128, 10, wg::nn::softmax})} {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void load(const std::string& weights) { wg::training::load_weights(model_, weights); }

  /// A loop like that of fit, its step recorded once and replayed, or run each time. Returns the losses.
  std::vector<float> compiled(bool shuffle = false) { return epoch(replayed_, shuffle); }
  std::vector<float> eager(bool shuffle = false) { return epoch(step_, shuffle); }

  void by_fit(const std::vector<wg::nn::Metric>& metrics) {
    wg::training::fit(
        model_, adam_, wg::nn::sparse_categorical_crossentropy, train_set(),
        {.batch_size = batch_size, .metrics = metrics, .shuffle = false, .progress = wg::training::Progress::silent});
  }

 private:
  struct Step {
    Job* job;
    wg::Tensor operator()(const wg::Tensor& images, const wg::Tensor& labels) const {
      wg::Tape tape;
      const wg::Tensor loss = wg::nn::sparse_categorical_crossentropy(job->model_(images), labels);
      job->adam_.step(tape.gradient(loss));
      return loss;
    }
  };

  template <typename F>
  std::vector<float> epoch(const F& step, bool shuffle) {
    const wg::SubnormalsAsZero as_fit;
    std::vector<float> losses;
    for (const auto& [images, labels] :
         wg::datasets::batches(train_set(), {.size = batch_size, .shuffle = shuffle, .epoch = epoch_++})) {
      losses.push_back(step(images, labels).template item<float>());
    }
    return losses;
  }

  wg::nn::Sequential model_;
  wg::optim::Adam adam_{model_.parameters()};
  std::int64_t epoch_ = 0;
  Step step_{this};
  wg::Compiled<Step> replayed_ = wg::compile(step_);
};

double mean(const std::vector<float>& losses) {
  double sum = 0;
  for (const float loss : losses) sum += static_cast<double>(loss);
  return sum / static_cast<double>(losses.size());
}

void serve(const std::string& activation, const std::string& weights) {
  const auto say = [](const nlohmann::json& values) { std::cout << values << std::endl; };
  {
    Job job(activation);
    job.load(weights);
    std::vector<float> losses = job.compiled();  // warms up, too
    losses.resize(steps_compared);
    say({{"losses", losses}});
  }
  Job job(activation);
  job.load(weights);
  for (std::string line; std::getline(std::cin, line);) {
    const auto began = std::chrono::steady_clock::now();
    const double loss = mean(job.compiled());
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    say({{"seconds", seconds.count()}, {"loss", loss}});
  }
}

template <typename Epoch>
void measure(benchmark::State& state, Epoch epoch) {
  Job job("relu");
  epoch(job);
  for (auto _ : state) epoch(job);
  const auto steps = static_cast<double>((train_set().size() - 1) / batch_size + 1);
  state.counters["steps/s"] = benchmark::Counter(steps, benchmark::Counter::kIsIterationInvariantRate);
}

void register_benchmarks() {
  const auto add = [](const char* name, auto epoch) {
    benchmark::RegisterBenchmark(name, [epoch](benchmark::State& state) { measure(state, epoch); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  add("epoch/compiled", [](Job& job) { job.compiled(); });
  add("epoch/compiled_shuffled", [](Job& job) { job.compiled(true); });
  add("epoch/eager", [](Job& job) { job.eager(); });
  add("epoch/fit", [](Job& job) { job.by_fit({}); });
  add("epoch/fit_with_accuracy", [](Job& job) { job.by_fit({wg::nn::accuracy}); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 4 && std::string(argv[1]) == "--serve") {
    serve(argv[2], argv[3]);
    return 0;
  }
  register_benchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

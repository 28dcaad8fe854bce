// Every operation of the catalogue, forward and backward, on f32: the largest of its samples, enlarged to about a
// million elements. The bytes counted are those that cannot be avoided: forward the inputs and results; backward the
// adjoint, the values that the rule declares to read, and the gradients.
//
// Operations without a gradient have no backward line. One whose attributes tie it to the sample's extents is measured
// at the size at which it runs, which the last column tells.

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/tape.h>

namespace {

namespace wg = wengert;

constexpr double elements_wanted = 1 << 20;

std::size_t bytes_of(const wg::Tensor& x) { return static_cast<std::size_t>(x.size()) * wg::size_of(x.dtype()); }

/// An extent of 1 is broadcast or reduced; it stays.
std::int64_t enlarged(std::int64_t extent, std::int64_t factor) { return extent > 1 ? extent * factor : extent; }

/// The elements of x over and over along every axis (or the first alone), floating ones as f32.
wg::Tensor enlarged(const wg::Tensor& x, std::int64_t factor, bool every_axis) {
  wg::Ints extents(std::span(x.shape().begin(), x.rank()));
  for (std::size_t axis = 0; axis < x.rank(); ++axis) {
    if (axis == 0 || every_axis) extents[axis] = enlarged(extents[axis], factor);
  }
  const wg::DType dtype = wg::is_floating(x.dtype()) ? wg::DType::f32 : x.dtype();
  wg::Tensor result = wg::empty(wg::Shape(std::span(extents.begin(), extents.size())), dtype);
  const auto place_in_x = [&](std::int64_t i) {
    std::int64_t place = 0, stride = 1;
    for (std::size_t axis = x.rank(); axis-- > 0;) {
      place += i % extents[axis] % x.shape()[axis] * stride;
      stride *= x.shape()[axis];
      i /= extents[axis];
    }
    return static_cast<std::size_t>(place);
  };
  wg::dispatch(x.dtype(), [&](auto type) {
    using From = decltype(type);
    using To = std::conditional_t<std::is_same_v<From, double>, float, From>;
    const auto from = x.data<From>();
    std::int64_t i = 0;
    for (To& element : wg::writable<To>(result)) element = static_cast<To>(from[place_in_x(i++)]);
  });
  return result;
}

/// A shape among the attributes grows with the inputs.
wg::Attributes enlarged(const wg::Attributes& attributes, std::int64_t factor, bool every_axis) {
  std::vector<wg::Attributes::Entry> entries(attributes.begin(), attributes.end());
  for (wg::Attributes::Entry& entry : entries) {
    auto* extents = std::get_if<wg::Ints>(&entry.value);
    if (extents == nullptr || std::string(entry.name) != "shape") continue;
    for (std::size_t axis = 0; axis < extents->size(); ++axis) {
      if (axis == 0 || every_axis) (*extents)[axis] = enlarged((*extents)[axis], factor);
    }
  }
  return wg::Attributes(entries);
}

/// A call of an operation, large enough to be measured.
struct Call {
  const wg::Operation* operation;
  std::vector<wg::Tensor> inputs;
  wg::Attributes attributes;
  std::vector<wg::Tensor> outputs;

  std::vector<wg::Tensor> operator()(std::span<const wg::Tensor> arguments) const {
    std::vector<wg::Tensor> results(operation->results(attributes));
    wg::apply(*operation, arguments, attributes, results);
    return results;
  }
  std::vector<wg::Tensor> operator()() const { return (*this)(inputs); }
};

std::int64_t largest_input(const wg::Sample& sample) {
  std::int64_t largest = 0;
  for (const wg::Tensor& input : sample.inputs) largest = std::max(largest, input.size());
  return largest;
}

/// Of the inputs, and of the result where an attribute gives it.
wg::Shape largest_shape(const wg::Sample& sample) {
  wg::Shape largest;
  const auto consider = [&](const wg::Shape& shape) {
    if (shape.elements() > largest.elements()) largest = shape;
  };
  for (const wg::Tensor& input : sample.inputs) consider(input.shape());
  for (const wg::Attributes::Entry& entry : sample.attributes) {
    const auto* extents = std::get_if<wg::Ints>(&entry.value);
    if (extents == nullptr || std::string(entry.name) != "shape") continue;
    if (std::all_of(extents->begin(), extents->end(), [](std::int64_t extent) { return extent >= 0; }))
      consider(wg::Shape(std::span(extents->begin(), extents->end())));
  }
  return largest;
}

/// The sample enlarged in every axis; where its attributes do not allow that, in the first alone; or else as it is.
Call enlarged(const wg::Operation& operation, const wg::Sample& sample) {
  const wg::Shape most = largest_shape(sample);
  const auto growing = std::count_if(most.begin(), most.end(), [](auto extent) { return extent > 1; });
  const double growth = elements_wanted / static_cast<double>(most.elements());
  const auto by_axis =
      static_cast<std::int64_t>(std::pow(growth, 1.0 / std::max<double>(1, static_cast<double>(growing))));
  struct Try {
    std::int64_t factor;
    bool every_axis, attributes;
  };
  for (const Try& t :
       {Try{by_axis, true, false}, Try{by_axis, true, true}, Try{static_cast<std::int64_t>(growth), false, false},
        Try{static_cast<std::int64_t>(growth), false, true}, Try{1, true, false}}) {
    Call call{
        &operation, {}, t.attributes ? enlarged(sample.attributes, t.factor, t.every_axis) : sample.attributes, {}};
    for (const wg::Tensor& input : sample.inputs) call.inputs.push_back(enlarged(input, t.factor, t.every_axis));
    try {
      call.outputs = call();
      return call;
    } catch (const wg::Error&) {
      if (t.factor == 1) throw;
    }
  }
  return {};
}

/// The sample to measure by: the one with most elements of those that are taken everywhere.
std::optional<wg::Sample> sample_of(const wg::Operation& operation) {
  if (!operation.samples) return {};
  std::optional<wg::Sample> best;
  for (const wg::Sample& sample : operation.samples()) {
    if (!sample.skip_reason.empty() || largest_input(sample) == 0) continue;
    if (!best || largest_input(sample) > largest_input(*best)) best = sample;
  }
  return best;
}

std::string shapes(const Call& call) {
  std::string text;
  for (const wg::Tensor& input : call.inputs) text.append(text.empty() ? "" : " ").append(wg::to_string(input.shape()));
  return text;
}

void report(benchmark::State& state, const Call& call, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
  state.SetLabel(shapes(call));
}

void forward(benchmark::State& state, const Call& call) {
  for (auto _ : state) benchmark::DoNotOptimize(call());
  std::size_t bytes = 0;
  for (const wg::Tensor& input : call.inputs) bytes += bytes_of(input);
  for (const wg::Tensor& output : call.outputs) bytes += bytes_of(output);
  report(state, call, bytes);
}

/// Bytes of the values that the operation's rule declares to read.
std::size_t bytes_read(std::span<const wg::Tensor> values, std::uint32_t declared) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if ((declared >> std::min<std::size_t>(i, 31) & 1U) != 0) bytes += bytes_of(values[i]);
  }
  return bytes;
}

void backward(benchmark::State& state, const Call& call) {
  wg::Tape tape;
  std::vector<wg::Tensor> arguments = call.inputs, variables;
  for (wg::Tensor& argument : arguments) {
    if (!wg::is_floating(argument.dtype())) continue;
    argument = tape.watch(argument);
    variables.push_back(argument);
  }
  const std::vector<wg::Tensor> outputs = call(arguments);
  const wg::Tensor seed = wg::ones(outputs[0].shape(), outputs[0].dtype());
  for (auto _ : state) benchmark::DoNotOptimize(tape.gradient(outputs[0], variables, seed));
  std::size_t bytes = bytes_of(seed) + bytes_read(call.inputs, call.operation->reads.inputs) +
                      bytes_read(call.outputs, call.operation->reads.outputs);
  for (const wg::Tensor& variable : variables) bytes += bytes_of(variable);
  report(state, call, bytes);
}

bool has_gradient(const wg::Operation& operation, const wg::Sample& sample) {
  return operation.differentiable && std::any_of(sample.inputs.begin(), sample.inputs.end(),
                                                 [](const wg::Tensor& x) { return wg::is_floating(x.dtype()); });
}

}  // namespace

int main(int argc, char** argv) {
  for (const wg::Operation* operation : wg::catalogue()) {
    const std::optional<wg::Sample> sample = sample_of(*operation);
    if (!sample) continue;
    const auto add = [&](const char* direction, auto run) {
      benchmark::RegisterBenchmark((operation->name + '/' + direction).c_str(), [=, sample = *sample](
                                                                                    benchmark::State& state) {
        run(state, enlarged(*operation, sample));
      })->UseRealTime();
    };
    add("forward", forward);
    if (has_gradient(*operation, *sample)) add("backward", backward);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/explain.h>
#include <wengert/autograd/internal/list.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/internal/replay.h>
#include <wengert/autograd/kernels/floating_mode.h>

namespace wengert::detail {
namespace {

std::vector<TensorType> types_of(std::span<const Tensor> tensors) {
  std::vector<TensorType> types;
  for (const Tensor& tensor : tensors) types.push_back({tensor.dtype(), tensor.shape()});
  return types;
}

bool are_of_types(std::span<const Tensor> tensors, std::span<const TensorType> types) {
  return std::equal(types.begin(), types.end(), tensors.begin(), tensors.end(),
                    [](const TensorType& type, const Tensor& tensor) {
                      return type.dtype == tensor.dtype() && type.shape == tensor.shape();
                    });
}

/// Whether the flags are as the function read them.
bool are_unchanged(const std::vector<FlagUse>& flags) {
  return std::all_of(flags.begin(), flags.end(),
                     [](const FlagUse& use) { return !use.read || *use.read == *use.flag; });
}

bool has_no_subnormals() {
  const kernels::FloatingMode mode = kernels::floating_mode();
  return kernels::without_subnormals(mode) == mode;
}

Graph optimized(Graph graph, const CompileOptions& options) {
  for (const auto& [run, option] : passes()) {
    if (option == nullptr || options.*option) graph = run(std::move(graph));
  }
  return graph;
}

/// What a call of the function does, as it is written down. Its results carry no logits, as those of a replay.
Graph capture_call(Capture& capture, CompiledFunction::Body body, void* function, std::vector<Tensor>& results) {
  results.clear();
  body(function, capture.inputs(), results);
  Graph graph = capture.finish(results);
  graph.without_subnormals = has_no_subnormals();
  for (Tensor& result : results) result = Access::alias(result);
  return graph;
}

}  // namespace

struct CompiledFunction::Program {
  Program(std::vector<TensorType> inputs, Graph graph, const CompileOptions& options)
      : types(std::move(inputs)), recorded(graph), replay(optimized(std::move(graph), options)) {}

  bool fits(std::span<const Tensor> inputs) const {
    return are_of_types(inputs, types) && are_unchanged(recorded.flags) &&
           recorded.without_subnormals == has_no_subnormals();
  }

  std::vector<TensorType> types;
  Graph recorded;
  Replay replay;
};

struct CompiledFunction::State {
  CompileOptions options;
  std::vector<std::unique_ptr<Program>> programs;  // the one used last comes last
  std::vector<Tensor> results;
  std::atomic<bool> taken = false;
};

CompiledFunction::CompiledFunction(const CompileOptions& options) : state_(std::make_unique<State>()) {
  if (options.programs == 0)
    throw ValueError("compile: programs is 0; expected 1 or more, the one that runs among them");
  state_->options = options;
}
CompiledFunction::~CompiledFunction() = default;

CompiledFunction::Claim::Claim(CompiledFunction& function) : function_(function) {
  if (function_.state_->taken.exchange(true, std::memory_order_acquire)) {
    throw ValueError(
        "compile: the function is running already, on another thread or within itself; compile it once per thread");
  }
}
CompiledFunction::Claim::~Claim() { function_.state_->taken.store(false, std::memory_order_release); }

std::vector<Tensor>& CompiledFunction::call(Body body, void* function, std::span<const Tensor> inputs) {
  for (const Tensor& input : inputs) static_cast<void>(Access::checked(input));
  std::vector<Tensor>& results = state_->results;
  if (thread_list().recording() || Capture::current() != nullptr) {
    results.clear();
    body(function, inputs, results);
    return results;
  }
  auto& programs = state_->programs;
  const auto found =
      std::find_if(programs.rbegin(), programs.rend(), [&](const auto& program) { return program->fits(inputs); });
  if (found == programs.rend()) {
    record(body, function, inputs);
    return results;
  }
  std::rotate(found.base() - 1, found.base(), programs.end());
  if (state_->options.verify) {
    verify(*programs.back(), body, function, inputs);
    return results;
  }
  Replay& replay = programs.back()->replay;
  results.resize(replay.graph().results.size());
  replay.run(inputs, results);
  for (const FlagUse& use : replay.graph().flags) {
    if (use.set) *use.flag = *use.set;
  }
  return results;
}

void CompiledFunction::record(Body body, void* function, std::span<const Tensor> inputs) {
  Capture capture(inputs);
  Graph graph = capture_call(capture, body, function, state_->results);
  auto program = std::make_unique<Program>(types_of(inputs), std::move(graph), state_->options);
  auto& programs = state_->programs;
  if (programs.size() >= state_->options.programs) programs.erase(programs.begin());
  programs.push_back(std::move(program));
  capture.keep();
}

void CompiledFunction::verify(const Program& program, Body body, void* function, std::span<const Tensor> inputs) {
  Capture capture(inputs);
  const Graph again = capture_call(capture, body, function, state_->results);
  std::string difference;
  if (!same_graph(program.recorded, again, difference)) {
    throw ValueError(
        fmt::format("compile: the function does not do the same at every call: {}; what changes must come in as a "
                    "tensor, a parameter or a slot",
                    difference));
  }
  capture.keep();
}

std::string CompiledFunction::explain(Format format) const {
  std::string text;
  std::size_t number = 0;
  for (const auto& program : state_->programs) {
    std::string inputs = "inputs:";
    for (const TensorType& type : program->types)
      inputs += fmt::format(" {} {}", name_of(type.dtype), to_string(type.shape));
    const Replay& replay = program->replay;
    if (format == Format::graphviz) {
      text += fmt::format("subgraph cluster_{} {{\nlabel={};\n{}}}\n", number, graphviz_string(inputs),
                          to_graphviz(replay.graph(), fmt::format("p{}_", number)));
    } else {
      text +=
          fmt::format("{}\nrecorded\n{}replayed, {} bytes of memory planned\n{}", inputs, to_table(program->recorded),
                      replay.planned_bytes(), to_table(replay.graph(), replay.timing()));
    }
    ++number;
  }
  if (format == Format::graphviz) return "digraph program {\nnode [fontname=monospace];\n" + text + "}\n";
  return text.empty() ? "nothing recorded yet: call the function once\n" : text;
}

}  // namespace wengert::detail

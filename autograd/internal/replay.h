#pragma once

#include <memory>
#include <span>
#include <vector>

#include <wengert/autograd/internal/graph.h>
#include <wengert/autograd/internal/memory_plan.h>
#include <wengert/autograd/kernels/memory.h>

namespace wengert::detail {

/// How long the records of a graph took, over all runs.
struct Timing {
  std::uint64_t runs = 0;
  std::vector<double> seconds = {};  // by record
};

/// A graph made ready to run again and again: every value has its place in memory before the first run, and kernels are
/// told it once, but for what comes in or goes out. What a run gives (results, new values of slots) is fresh, or
/// written over the slot's old value where nobody else holds it. Serves one thread at a time.
class Replay {
 public:
  explicit Replay(Graph graph);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay();

  /// `inputs` as the graph has them; `results` as many.
  void run(std::span<const Tensor> inputs, std::span<Tensor> results);

  const Graph& graph() const { return graph_; }
  /// Memory that is planned for values that live within a run alone.
  std::size_t planned_bytes() const { return plan_.bytes; }
  /// With WENGERT_PROFILE=1 in the environment when the graph was made ready; otherwise without runs.
  const Timing& timing() const { return timing_; }

 private:
  struct Step;
  /// Where kernels look for a value's elements.
  struct Places {
    std::vector<const void**> reads;
    std::vector<void**> writes;
  };

  void make_bases();
  void make_steps();
  void make_pointwise(Step& step, const GraphRecord& record);
  void place_values();
  void set_elements(std::uint32_t value, const void* elements);
  void bind(std::span<const Tensor> inputs);
  void run_step(Step& step);
  void run_timed();
  void pass_on(std::span<const Tensor> inputs, std::span<Tensor> results);
  /// What a value is after a run; undefined where it was written over the slot it is for.
  Tensor outcome(std::uint32_t value, std::span<const Tensor> inputs) const;
  Buffer& buffer(std::uint32_t value) { return *Access::node(bases_[value])->buffer; }
  /// Whether nobody but the slot holds its value.
  static bool may_overwrite(const ParameterState& state);

  Graph graph_;
  MemoryPlan plan_;
  std::vector<Tensor> bases_;  // one for each value: views of it share its buffer
  std::vector<Step> steps_;
  std::vector<Places> places_;           // by value
  std::vector<std::uint32_t> incoming_;  // values of inputs and slots
  std::vector<Tensor> outgoing_;         // by value: those that outlive the run, while it lasts
  std::vector<std::uint32_t> old_;       // values of slots that a result or an assignment passes on as they were
  std::vector<std::shared_ptr<const kernels::PointwiseKernel>> kernels_;
  // Of all pointwise steps, one behind the other.
  std::vector<kernels::PointwiseInput> reads_;
  std::vector<kernels::PointwiseOutput> writes_;
  std::vector<kernels::PointwiseReduction> reductions_;
  std::vector<double> uniforms_;
  std::vector<Ints> strides_;
  kernels::PoolVector<std::byte> arena_;
  bool is_timed_;
  Timing timing_;
};

}  // namespace wengert::detail

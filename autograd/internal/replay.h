#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <wengert/autograd/internal/graph.h>
#include <wengert/autograd/internal/memory_plan.h>
#include <wengert/autograd/internal/numbering.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/kernels/pointwise_call.h>

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
  /// A value whose elements are elsewhere in every run: who must be told where, and which parts of it, from which byte
  /// on, go with it.
  struct Moving {
    std::vector<const void**> reads;
    std::vector<void**> writes;
    std::vector<std::pair<std::uint32_t, std::size_t>> parts;
  };
  using Rows = std::function<void(std::span<const void* const> reads, std::span<void* const> writes, std::int64_t first,
                                  std::int64_t count)>;
  /// What a record does, and some rows of it; shared by all that do the same.
  struct Kernel {
    Operation::Prepared run = {};
    Rows run_rows = {};
  };
  /// A record, and where its operands and results are.
  struct Step {
    const Kernel* kernel;
    std::span<const void* const> reads;
    std::span<void* const> writes;
  };

  void place_values();
  void place_in_whole(std::uint32_t value);
  void make_steps();
  void make_room_for_steps();
  const Kernel& kernel_of(const GraphRecord& record);
  Numbering::Words words_of(const GraphRecord& record) const;
  Kernel pointwise_kernel(const GraphRecord& record);
  Kernel prepared_kernel(const GraphRecord& record) const;
  kernels::PointwiseDescription description_of(const GraphRecord& record) const;
  std::optional<kernels::PointwiseMaker> maker_of(const GraphRecord& record) const;
  std::optional<kernels::PointwiseTaker> taker_of(const GraphRecord& record) const;
  Kernel call_with_tensors(const GraphRecord& record);
  std::span<const void* const> read_by_address(std::span<const Use> uses);
  std::span<void* const> written_by_address(std::span<const Use> uses);
  Tensor operand(const Use& use);

  void* elements(std::uint32_t value) const { return elements_[value]; }
  bool is_padded(std::uint32_t value) const;
  void set_elements(std::uint32_t value, const void* elements);
  void bind(std::span<const Tensor> inputs);
  void run_steps(std::size_t begin, std::size_t end);
  void run_by_rows(const RowRun& run);
  template <typename F>
  void run_step(std::size_t number, std::int64_t pieces, const F& f);
  void pass_on(std::span<const Tensor> inputs, std::span<Tensor> results);
  /// Lets go of the tensors of one run when it ends.
  struct LettingGo {
    Replay& of;
    ~LettingGo() {
      for (const MemoryPlan::Escape& escape : of.plan_.escapes) of.outgoing_[escape.value] = {};
      for (const std::uint32_t number : of.old_) of.outgoing_[number] = {};
    }
  };
  /// What a value is after a run; undefined where it was written over the slot it is for.
  Tensor outcome(std::uint32_t value, std::span<const Tensor> inputs) const;
  /// The tensor that comes in as a value.
  const Tensor& incoming(const GraphValue& value, std::span<const Tensor> inputs) const;
  /// Whether nobody but the slot holds its value.
  static bool may_overwrite(const ParameterState& state);

  Graph graph_;
  MemoryPlan plan_;
  std::vector<void*> elements_;                  // by value: where they are
  std::vector<std::unique_ptr<Moving>> moving_;  // by value; null for those that stay
  std::vector<Tensor> bases_;                    // by value, for records that take tensors: views share its buffer
  std::vector<Step> steps_;
  std::vector<std::uint32_t> copied_, referred_;  // values of inputs and slots: small ones are copied to their place
  std::vector<Tensor> outgoing_;                  // by value: those that outlive the run, while it lasts
  std::vector<std::uint32_t> old_;  // values of slots that a result or an assignment passes on as they were
  std::map<const kernels::Program*, kernels::PointwiseKernel> programs_;
  Numbering kernel_number_;
  std::deque<Kernel> kernels_;
  std::deque<Kernel> unshared_;  // of records that take tensors
  // Of all steps, one behind the other.
  std::vector<const void*> read_;
  std::vector<void*> written_;
  kernels::PoolVector<std::byte> arena_;
  bool is_timed_;
  Timing timing_;
};

}  // namespace wengert::detail

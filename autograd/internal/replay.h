#pragma once

#include <memory>
#include <span>
#include <vector>

#include <wengert/autograd/internal/graph.h>
#include <wengert/autograd/kernels/memory.h>

namespace wengert::detail {

/// A graph made ready to run again and again: every value has its place in memory before the first run, values whose
/// lives do not overlap share one. What a run gives (results, new values of slots) is fresh, or written over the slot's
/// old value where nobody else holds it. Serves one thread at a time.
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
  std::size_t planned_bytes() const { return arena_.size(); }

 private:
  struct Step;
  struct Escape {  // a value that outlives the run
    std::uint32_t value = 0;
    std::int64_t slot = -1;  // whose old value it may be written over; −1: none
    Shape shape = {};
    Tensor fresh = {};
  };

  void make_bases();
  void make_steps();
  void find_escapes();
  std::int64_t slot_to_overwrite(std::uint32_t value) const;
  void plan_arena();
  void bind(std::span<const Tensor> inputs);
  /// What a value is after a run; undefined where it was written over the slot it is for.
  Tensor outcome(std::uint32_t value, std::span<const Tensor> inputs) const;
  Buffer& buffer(std::uint32_t value) { return *Access::node(bases_[value])->buffer; }
  /// Whether nobody but the slot holds its value.
  static bool may_overwrite(const ParameterState& state);

  Graph graph_;
  std::vector<Tensor> bases_;  // one for each value: views of it share its buffer
  std::vector<Step> steps_;
  std::vector<Escape> escapes_;
  std::vector<std::int64_t> escape_of_;  // by value; −1: it does not
  std::vector<bool> passed_on_;          // by value: a result or an assignment is this very value
  std::vector<Tensor> old_values_;       // by value: of slots whose old value is passed on
  kernels::PoolVector<std::byte> arena_;
};

}  // namespace wengert::detail

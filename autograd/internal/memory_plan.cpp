#include <algorithm>
#include <map>
#include <utility>

#include <wengert/autograd/internal/memory_plan.h>
#include <wengert/autograd/kernels/primitives.h>

namespace wengert::detail {
namespace {

constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

/// Places may be read and written up to the end of their last block.
std::size_t bytes_of(const GraphValue& value) { return kernels::whole_blocks(value.bytes()); }

/// Places in one block of memory: taken first fit, given back, neighbours joined.
class Arena {
 public:
  std::size_t take(std::size_t bytes) {
    for (auto gap = gaps_.begin(); gap != gaps_.end(); ++gap) {
      if (gap->second < bytes) continue;
      const auto [offset, size] = *gap;
      gaps_.erase(gap);
      if (size > bytes) gaps_.emplace(offset + bytes, size - bytes);
      return offset;
    }
    return std::exchange(end_, end_ + bytes);
  }

  void give_back(std::size_t offset, std::size_t bytes) {
    if (bytes == 0) return;
    auto gap = gaps_.emplace(offset, bytes).first;
    const auto next = std::next(gap);
    if (next != gaps_.end() && gap->first + gap->second == next->first) {
      gap->second += next->second;
      gaps_.erase(next);
    }
    if (gap == gaps_.begin()) return;
    const auto before = std::prev(gap);
    if (before->first + before->second == gap->first) {
      before->second += gap->second;
      gaps_.erase(gap);
    }
  }

  std::size_t size() const { return end_; }

 private:
  std::map<std::size_t, std::size_t> gaps_;
  std::size_t end_ = 0;
};

class Planner {
 public:
  explicit Planner(const Graph& graph) : graph_(graph), fates_(graph.values.size()) {
    plan_.offsets.assign(graph.values.size(), MemoryPlan::elsewhere);
    for (std::size_t r = 0; r < graph.records.size(); ++r) {
      const GraphRecord& record = graph.records[r];
      for (const Use& use : record.inputs) fates_[use.value].last_read = r;
      for (const Use& use : record.outputs) fates_[use.value].made_by = r;
      if (record.operation != nullptr && record.operation->guards) last_guard_ = r;
    }
    share_lives();
    for (const Use& use : graph.results) fates_[use.value].is_result = true;
    for (const Assignment& assignment : graph.assignments) {
      ++fates_[assignment.value].assigned;
      fates_[assignment.value].slot = assignment.slot;
    }
  }

  MemoryPlan run() {
    find_escapes();
    for (std::size_t r = 0; r < graph_.records.size(); ++r) {
      enter(r);
      const GraphRecord& record = graph_.records[r];
      for (const Use& output : record.computed()) place(output, r);
      for (const Use& output : record.of_computed()) place_apart(output);
      for (const Use& use : record.inputs) end_life(use.value, r);
      for (const Use& use : record.outputs) end_life(use.value, r);
    }
    plan_.bytes = arena_.size();
    return std::move(plan_);
  }

 private:
  struct Fate {
    std::size_t made_by = never, last_read = never;  // records
    std::size_t assigned = 0;                        // how often
    std::uint32_t slot = 0;                          // the last that it is assigned to
    bool is_result = false, escapes = false, lives = false;
    bool is_shared = false;  // part of another value, or made of such
  };

  /// A whole lives as long as any of its parts.
  void share_lives() {
    for (std::uint32_t value = 0; value < fates_.size(); ++value) {
      if (graph_.values[value].part == nullptr) continue;
      const std::uint32_t root = root_of(value);
      std::size_t &last = fates_[root].last_read, own = fates_[value].last_read;
      if (last == never || (own != never && own > last)) last = own;
      fates_[value].is_shared = fates_[root].is_shared = true;
    }
  }

  std::uint32_t root_of(std::uint32_t value) const { return detail::root_of(graph_, value).value; }

  void find_escapes() {
    const auto add = [&](std::uint32_t value, const Shape& shape) {
      if (graph_.values[value].source != Source::computed || fates_[value].escapes) return;
      fates_[value].escapes = true;
      plan_.escapes.push_back({value, slot_to_overwrite(value), shape});
    };
    for (const Assignment& assignment : graph_.assignments)
      add(assignment.value, graph_.slots[assignment.slot].state->value.shape());
    for (const Use& use : graph_.results) add(use.value, use.shape);
  }

  /// The slot that gets a value, where the value may take the place of the slot's old one: it is made by a pointwise
  /// record that reads the old one element by element, and is the last to read it; and neither is passed on elsewhere.
  /// Not before a record that may throw: then all slots stay as they were.
  std::int64_t slot_to_overwrite(std::uint32_t value) const {
    const Fate& fate = fates_[value];
    if (fate.is_result || fate.assigned != 1 || fate.made_by == never || fate.made_by < last_guard_) return -1;
    const GraphRecord& record = graph_.records[fate.made_by];
    const auto computed = record.computed();
    const auto output =
        std::find_if(computed.begin(), computed.end(), [&](const Use& use) { return use.value == value; });
    if (output == computed.end()) return -1;
    for (const Use& input : record.read()) {
      const GraphValue& old = graph_.values[input.value];
      const Fate& before = fates_[input.value];
      const bool is_old = old.source == Source::slot && old.place == fate.slot;
      const bool is_free = before.last_read == fate.made_by && !before.is_result && before.assigned == 0;
      if (is_old && is_free && may_share(record, *output, input)) return fate.slot;
    }
    return -1;
  }

  /// Whether a pointwise record may write this output over that input: element by element, each after it was read.
  bool may_share(const GraphRecord& record, const Use& output, const Use& input) const {
    if (!record.is_pointwise() || input.shape != output.shape ||
        graph_.values[input.value].dtype != graph_.values[output.value].dtype) {
      return false;
    }
    const auto views = std::count_if(record.inputs.begin(), record.inputs.end(),
                                     [&](const Use& use) { return root_of(use.value) == root_of(input.value); });
    return views == 1;
  }

  void place(const Use& output, std::size_t r) {
    Fate& fate = fates_[output.value];
    if (fate.escapes || graph_.values[output.value].source == Source::fleeting) return;
    const GraphRecord& record = graph_.records[r];
    const auto read = record.read();
    const auto heir = std::find_if(read.begin(), read.end(), [&](const Use& input) {
      const Fate& before = fates_[input.value];
      return before.lives && before.last_read == r && !before.is_shared && may_share(record, output, input) &&
             (run_ == nullptr || is_made_in_run(before));
    });
    if (heir == read.end() || fate.is_shared) return place_apart(output);
    fates_[heir->value].lives = false;
    plan_.offsets[output.value] = plan_.offsets[heir->value];
    fate.lives = true;
  }

  void place_apart(const Use& output) {
    const std::uint32_t root = root_of(output.value);
    Fate& fate = fates_[root];
    if (fate.escapes || fate.lives) return;
    const auto same = run_ != nullptr && root == output.value ? rows_.find(graph_.values[root].bytes()) : rows_.end();
    if (same != rows_.end()) {
      plan_.offsets[root] = same->second;
      rows_.erase(same);
    } else {
      plan_.offsets[root] = arena_.take(bytes_of(graph_.values[root]));
    }
    fate.lives = true;
  }

  void end_life(std::uint32_t part, std::size_t r) {
    const std::uint32_t value = root_of(part);
    Fate& fate = fates_[value];
    if (!fate.lives || (fate.last_read != r && fate.last_read != never)) return;
    fate.lives = false;
    if (run_ == nullptr) return arena_.give_back(plan_.offsets[value], bytes_of(graph_.values[value]));
    if (is_made_in_run(fate)) {
      rows_.emplace(graph_.values[value].bytes(), plan_.offsets[value]);
    } else {
      held_.push_back(value);
    }
  }

  /// Finds out whether a record is one of a run that threads divide by rows. One of them may be in the first record of
  /// the run yet, while another one is in the last: what is read within it stays where it is to its end. But rows that
  /// were made in the run may take the place of others just so long: they belong to the same thread.
  void enter(std::size_t r) {
    if (run_ != nullptr && r == run_->first + run_->count) {
      for (const auto& [bytes, offset] : rows_) arena_.give_back(offset, kernels::whole_blocks(bytes));
      for (const std::uint32_t value : held_) arena_.give_back(plan_.offsets[value], bytes_of(graph_.values[value]));
      rows_.clear();
      held_.clear();
      run_ = nullptr;
    }
    if (next_run_ != graph_.row_runs.end() && r == next_run_->first) run_ = &*next_run_++;
  }

  bool is_made_in_run(const Fate& fate) const { return fate.made_by != never && fate.made_by >= run_->first; }

  const Graph& graph_;
  std::vector<Fate> fates_;
  std::size_t last_guard_ = 0;  // the last record that may throw
  Arena arena_;
  MemoryPlan plan_;
  std::vector<RowRun>::const_iterator next_run_ = graph_.row_runs.begin();
  const RowRun* run_ = nullptr;                   // that the present record is one of
  std::multimap<std::size_t, std::size_t> rows_;  // free places in it that were made in it: bytes, and where
  std::vector<std::uint32_t> held_;               // values that end within it
};

}  // namespace

MemoryPlan plan_memory(const Graph& graph) { return Planner(graph).run(); }

}  // namespace wengert::detail

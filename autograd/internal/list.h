#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/internal/stable_list.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/tape.h>

/// The thread's Wengert list.

namespace wengert::detail {

struct StoredRecord {
  const Operation* operation;
  Attributes attributes;
  std::uint64_t seen_by;  // bit l: the tape of level l
  std::uint64_t first_link;
  std::uint32_t inputs, outputs;
};

struct ParameterRead {
  std::shared_ptr<ParameterState> state;
  Tensor source;          // the value that was read
  Tensor variable;        // the same elements as a value of the list
  std::uint32_t linked;   // the value that the variable was made from, or `none`
  std::uint64_t seen_by;  // the tapes that saw how (bit l: the one of level l)
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  /// Whether the variable is one that nothing was computed from, to a tape whose values begin with `first_value`.
  bool is_leaf(std::uint32_t first_value) const { return linked == none || linked < first_value; }
};

/// A constant of the list that came of a tape's own walk.
struct WalkedValue {
  std::uint32_t number, tape;
};

struct OpenTape {
  std::uint32_t id;  // among all of this thread
  std::uint32_t first_record, first_value, first_read;
  bool keep_all, closed;
};

class Observation;

/// The records of one thread, from the opening of its outermost tape to its closing. A tape is a range on it.
class List {
 public:
  List() = default;
  ~List();
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  /// Whether a tape sees what is computed, or an observation.
  bool recording() const { return active_ != 0; }
  bool keeps_all() const { return keep_all_ != 0; }
  std::uint64_t serial() const { return serial_; }

  bool holds(const Tensor& tensor) const {
    const TensorNode* node = Access::node(tensor);
    return node->serial == serial_ && serial_ != 0;
  }
  bool holds_any(std::span<const Tensor> tensors) const {
    for (const Tensor& tensor : tensors) {
      if (holds(tensor)) return true;
    }
    return false;
  }

  /// Notes that what is no value of the list came of a walk of that tape, and what of it was computed from such: to the
  /// tape it looks like a constant, and a derivative of it would be 0 where it is not.
  void mark_walked(Tensor& result, std::uint32_t tape);
  void pass_on_walked(std::span<const Tensor> inputs, std::span<Tensor> results);
  bool is_walked(const Tensor& tensor) const {
    const TensorNode* node = Access::node(tensor);
    return node->serial == (serial_ | TensorNode::walked) && serial_ != 0;
  }
  std::span<const WalkedValue> walked_values() const { return walked_values_; }

  std::uint8_t open(const TapeOptions& options);
  void close(std::uint8_t level) noexcept;
  const OpenTape& tape(std::uint8_t level) const { return tapes_[level]; }

  /// Appends a record; the results become values of the list.
  void record(const Operation& operation, const Attributes& attributes, std::span<const Tensor> inputs,
              std::span<Tensor> results);
  /// The same of an operation made for this record, which keeps it.
  void record(std::shared_ptr<const Operation> operation, std::span<const Tensor> inputs, std::span<Tensor> results);
  /// The tensor as a new value of the list, linked to the one it may be already.
  Tensor variable(const Tensor& tensor);
  /// A parameter's value as a variable of the innermost tape.
  Tensor read(const std::shared_ptr<ParameterState>& state);

  /// Remembers that a loss took the logits in place of these probabilities.
  void bypass(const Tensor& probabilities);
  bool bypassed(std::uint32_t number) const;

  const StableList<StoredRecord>& records() const { return records_; }
  std::span<const std::uint32_t> inputs(const StoredRecord& record) const {
    return std::span(links_).subspan(record.first_link, record.inputs);
  }
  std::span<const std::uint32_t> outputs(const StoredRecord& record) const {
    return std::span(links_).subspan(record.first_link + record.inputs, record.outputs);
  }
  const StableList<RecordedValue>& values() const { return values_; }
  std::span<const ParameterRead> reads() const { return reads_; }

  /// Null: there is none.
  Observation* observation() const { return observation_; }

  /// While it lives, these tapes (bit l: the one of level l) do not see what is recorded.
  class Pause {
   public:
    static constexpr std::uint64_t everyone = ~std::uint64_t{0};
    Pause(List& list, std::uint64_t tapes) : list_(list), active_(list.active_) { list_.active_ &= ~tapes; }
    ~Pause() { list_.active_ = active_; }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    List& list_;
    std::uint64_t active_;
  };

 private:
  friend class Observation;
  static constexpr std::uint64_t observed = std::uint64_t{1} << 63;  // no tape's bit of `active_`

  std::uint64_t seeing() const { return active_ & ~observed; }
  std::uint32_t add_value(const Tensor& tensor, bool keep);
  /// The tensor itself is the value.
  std::uint32_t add_own_value(Tensor& tensor, bool keep);

  std::uint32_t opened_ = 0;
  std::uint64_t serial_ = 0;
  std::uint64_t active_ = 0;    // tapes that record now
  std::uint64_t keep_all_ = 0;  // tapes that want every value
  kernels::PoolVector<OpenTape> tapes_;
  StableList<StoredRecord> records_;
  kernels::PoolVector<std::uint32_t> links_;
  StableList<RecordedValue> values_;
  kernels::PoolVector<ParameterRead> reads_;
  kernels::PoolVector<std::uint32_t> bypassed_;
  kernels::PoolVector<WalkedValue> walked_values_;
  kernels::PoolVector<std::shared_ptr<const Operation>> made_;  // those of records that keep theirs
  Observation* observation_ = nullptr;
};

/// What stands in for the thread's own list.
inline constinit thread_local List* other_list = nullptr;

inline List& thread_list() {
  thread_local List list;
  return other_list == nullptr ? list : *other_list;
}

/// While it lives, the thread has an empty list, which goes with it.
class ListAside {
 public:
  ListAside() : before_(std::exchange(other_list, &list_)) {}
  ~ListAside() { other_list = before_; }
  ListAside(const ListAside&) = delete;
  ListAside& operator=(const ListAside&) = delete;

 private:
  List list_;
  List* before_;
};

}  // namespace wengert::detail

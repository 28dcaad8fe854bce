#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <wengert/autograd/internal/graph.h>

namespace wengert::detail {

/// While one lives, everything that its thread computes is written into a graph: operations, with a tape or without,
/// and the reading and assigning of parameters and slots. Elements are told apart by the buffer they stand in, so that
/// handles, aliases and reshaped views of one value are one value. Values that nobody needs any more are let go of, as
/// without a capture: a buffer that is gone and one that takes its place in memory have different identities.
class Capture {
 public:
  /// The capture at work on this thread; null where there is none, or a kernel runs.
  static Capture* current() noexcept { return current_; }
  /// Puts another one to work, or none, and gives the one before.
  static Capture* exchange(Capture* other) noexcept;

  explicit Capture(std::span<const Tensor> inputs);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// The inputs as the function is to see them: apart from each other, even where one tensor was given twice.
  std::span<const Tensor> inputs() const { return inputs_; }

  void record(const Operation& operation, const Attributes& attributes, std::span<const Tensor> inputs,
              std::span<const Tensor> results);
  Tensor read(const std::shared_ptr<ParameterState>& state);
  void assign(const std::shared_ptr<ParameterState>& state, const Tensor& value);
  void make(const std::shared_ptr<ParameterState>& state);
  void read(const std::shared_ptr<bool>& flag);
  void set(const std::shared_ptr<bool>& flag, bool value);
  /// Throws ValueError where the elements are not those of a constant: `what` is about to read them on the host.
  void check_host_read(const Tensor& tensor, const char* what) const;

  /// The graph with these results, which is to outlive the capture: no more is written into it.
  Graph finish(std::span<const Tensor> results);
  /// What was assigned and set is to stay. Else parameters, slots and flags get back what they held.
  void keep() { kept_ = true; }

 private:
  std::uint32_t add_value(const Tensor& tensor, Source source, std::uint32_t place);
  std::optional<std::uint32_t> known(const Tensor& tensor) const;
  /// The number of a value; one that is not known yet was made on the host, and is a constant.
  std::uint32_t number_of(const Tensor& tensor);
  std::uint32_t slot_of(const std::shared_ptr<ParameterState>& state);
  FlagUse& use_of(const std::shared_ptr<bool>& flag);
  Use use_of(const Tensor& tensor) { return {number_of(tensor), tensor.shape()}; }

  Graph graph_;
  std::vector<Tensor> inputs_;
  struct SlotState {
    Tensor value = {};                           // as last read or assigned; undefined before
    std::optional<std::uint32_t> assigned = {};  // which value, at last
    std::weak_ptr<ParameterState> state = {};    // gone where the function let go of what it made
    Tensor before = {};                          // its value before it was assigned
    bool was_assigned = false;
  };
  struct FlagState {
    std::weak_ptr<bool> flag;
    bool before;
  };
  std::vector<SlotState> slot_states_;
  std::vector<FlagState> flag_states_;                        // of those that were set
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;  // by the buffers' identities
  std::unordered_map<const ParameterState*, std::uint32_t> slots_;
  Capture* outer_;
  bool kept_ = false;
  static inline constinit thread_local Capture* current_ = nullptr;
};

/// What a parameter or slot begins with. One that is made while a capture runs is, to it, assigned its value.
std::shared_ptr<ParameterState> make_state(Tensor value, std::string name);
/// A parameter's or slot's value, as a running capture sees it.
Tensor read_state(const std::shared_ptr<ParameterState>& state);
/// Replaces it, and tells a running capture.
void assign_state(const std::shared_ptr<ParameterState>& state, const Tensor& value);
/// The same by the very handle that was there before: to a tape it is the variable that it was then.
void put_state(const std::shared_ptr<ParameterState>& state, const Tensor& value);

/// The same of a flag of the host.
bool read_flag(const std::shared_ptr<bool>& flag);
void set_flag(const std::shared_ptr<bool>& flag, bool value);

/// To be called wherever elements are shown to the host. Throws ValueError where a capture runs that cannot allow it.
inline void before_host_read(const Tensor& tensor, const char* what) {
  if (const Capture* capture = Capture::current()) capture->check_host_read(tensor, what);
}

}  // namespace wengert::detail

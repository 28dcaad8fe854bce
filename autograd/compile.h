#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <wengert/autograd/tensor.h>

/// Functions that are recorded once and replayed from then on.

namespace wengert {

struct CompileOptions {
  /// Record again at every call instead of replaying, and throw ValueError naming the first record that differs: finds
  /// what the host does beside computing with tensors (a counter, an `if` on something that changes).
  bool verify = false;
  /// How many programs are kept, one for each combination of shapes, dtypes and modes; beyond that, the one that was
  /// not used for longest is recorded anew when it is needed.
  std::size_t programs = 8;
  /// Passes over the recorded program, each to be left out alone.
  bool skip_broadcasts = true;
  bool merge_equal = true;
  bool cut_sums = true;
  bool compute_parts = true;
  bool gather_products = true;
  bool lay_out_once = true;
  bool fuse = true;
  bool recompute = true;
  bool share_subexpressions = true;
  bool attach_reductions = true;
  bool attach_products = true;
  bool stream_products = true;
  bool share_parts = true;
  bool divide_rows = true;
};

/// How `explain` shows a program.
enum class Format : std::uint8_t { table, graphviz };

namespace detail {

/// The recorded programs of one function, one for each combination of the inputs' dtypes and shapes, of the host's
/// flags, and of what is done with subnormal numbers.
class CompiledFunction {
 public:
  /// The function itself, on tensors in and tensors out.
  using Body = void (*)(void* function, std::span<const Tensor> inputs, std::vector<Tensor>& results);

  explicit CompiledFunction(const CompileOptions& options);
  ~CompiledFunction();
  CompiledFunction(const CompiledFunction&) = delete;
  CompiledFunction& operator=(const CompiledFunction&) = delete;

  /// Holds the function for one thread, while it is called and its results are taken. Throws ValueError where it is
  /// held already.
  class Claim {
   public:
    explicit Claim(CompiledFunction& function);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    CompiledFunction& function_;
  };
  /// Gives the results, which stand in the function's own memory until the next call.
  std::vector<Tensor>& call(Body body, void* function, std::span<const Tensor> inputs);
  std::string explain(Format format) const;

 private:
  struct Program;
  struct State;
  void record(Body body, void* function, std::span<const Tensor> inputs);
  void verify(const Program& program, Body body, void* function, std::span<const Tensor> inputs);
  std::unique_ptr<State> state_;
};

template <typename R>
concept TensorTuple = requires {
  std::tuple_size<R>::value;
};

}  // namespace detail

/// What `compile` gives; called as the function is. Copies share the recorded programs.
template <typename F>
class Compiled {
 public:
  Compiled(F function, const CompileOptions& options)
      : shared_(std::make_shared<Shared>(std::move(function), options)) {}
  // Moving is copying: no handle is left empty.
  Compiled(const Compiled& other) = default;
  Compiled& operator=(const Compiled& other) = default;

  template <std::convertible_to<Tensor>... Inputs>
  auto operator()(const Inputs&... inputs) const {
    const std::array<Tensor, sizeof...(Inputs)> tensors{Tensor(inputs)...};
    return call(tensors, [](F& function, std::span<const Tensor> given) -> decltype(auto) {
      return spread(function, given, std::index_sequence_for<Inputs...>{});
    });
  }

  /// Of a function that takes any number of tensors, as a span.
  auto operator()(std::span<const Tensor> inputs) const requires std::invocable<F&, std::span<const Tensor>> {
    return call(inputs, [](F& function, std::span<const Tensor> given) -> decltype(auto) {
      return std::invoke(function, given);
    });
  }

  std::string explain(Format format = Format::table) const {
    const detail::CompiledFunction::Claim claim(shared_->programs);
    return shared_->programs.explain(format);
  }

 private:
  struct Shared {
    Shared(F f, const CompileOptions& options) : function(std::move(f)), programs(options) {}
    F function;
    detail::CompiledFunction programs;
  };

  /// `invoke` holds nothing: it is made again where the function is recorded.
  template <typename Invoke>
  auto call(std::span<const Tensor> inputs, Invoke) const {
    using Result = std::invoke_result_t<Invoke, F&, std::span<const Tensor>>;
    const auto body = [](void* function, std::span<const Tensor> given, std::vector<Tensor>& results) {
      if constexpr (std::is_void_v<Result>)
        Invoke{}(*static_cast<F*>(function), given);
      else
        pack(Invoke{}(*static_cast<F*>(function), given), results);
    };
    const detail::CompiledFunction::Claim claim(shared_->programs);
    std::vector<Tensor>& results = shared_->programs.call(body, &shared_->function, inputs);
    if constexpr (!std::is_void_v<Result>) return unpack<Result>(results);
  }

  template <std::size_t... i>
  static decltype(auto) spread(F& function, [[maybe_unused]] std::span<const Tensor> inputs,
                               std::index_sequence<i...>) {
    return std::invoke(function, inputs[i]...);
  }

  template <typename Result>
  static void pack(Result&& result, std::vector<Tensor>& results) {
    if constexpr (std::convertible_to<Result, Tensor>) {
      results.push_back(std::forward<Result>(result));
    } else if constexpr (detail::TensorTuple<std::remove_cvref_t<Result>>) {
      std::apply([&](const auto&... tensors) { (results.push_back(tensors), ...); }, result);
    } else {
      results.assign(result.begin(), result.end());
    }
  }

  template <typename Result>
  static std::remove_cvref_t<Result> unpack(std::vector<Tensor>& results) {
    using Value = std::remove_cvref_t<Result>;
    if constexpr (std::convertible_to<Value, Tensor>) {
      return std::move(results[0]);
    } else if constexpr (detail::TensorTuple<Value>) {
      return [&]<std::size_t... i>(std::index_sequence<i...>) { return Value{std::move(results[i])...}; }
      (std::make_index_sequence<std::tuple_size_v<Value>>{});
    } else {
      Value values(results.begin(), results.end());
      results.clear();
      return values;
    }
  }

  std::shared_ptr<Shared> shared_;
};

/// The function as one that is recorded when it is first called, with all that it computes: a gradient and an
/// optimiser's step too. From then on the recorded program is replayed, and gives the same bits; the function's own
/// code does not run again. It takes tensors (or a span of them), and gives nothing, a tensor, a container of tensors,
/// or a tuple, pair or array of them.
///
/// - Other dtypes or shapes of the inputs, and other modes of the layers that were asked for theirs, are recorded
///   anew; the last few programs are kept.
/// - Parameters and slots (an optimiser's state, its learning rate and count of steps, a generator's position) are read
///   and assigned at every call; they may be read, saved and set in between. All other tensors from outside are
///   constants.
/// - Probabilities that come in, go out or stay in slots carry no logits (see `softmax`): compute them and their
///   loss within one function, or let the model give logits. The sign of a NaN is not promised, nor that a signalling
///   NaN becomes a quiet one.
/// - Reading elements on the host (`item`, `data`, printing) within the function throws ValueError: the value would be
///   frozen. Other effects of the host's code cannot be seen; `{.verify = true}` finds them.
/// - Where a call throws, because of an index out of range say, or as `verify` asks, no parameter and no slot is
///   assigned, and no HostFlag set. What nobody reads is not computed, and does not throw.
/// - A scope of SubnormalsAsZero belongs around the calls: one within the function is not replayed.
/// - Within an open tape, or within another compiled function, the function just runs and is recorded there.
/// - One thread at a time may call it or have it explained; ValueError where a second one does.
///
///     auto step = compile([&](const Tensor& x, const Tensor& y) { …; return loss; });
template <typename F>
Compiled<std::decay_t<F>> compile(F&& function, const CompileOptions& options = {}) {
  return Compiled<std::decay_t<F>>(std::forward<F>(function), options);
}

/// The recorded programs of a compiled function: as tables of the records as they were written down, and as they are
/// replayed (what was fused is in braces), with the operations on numbers and the bytes that each takes; or as a graph
/// of what is replayed, for Graphviz's `dot`. With WENGERT_PROFILE=1 in the environment when a program is recorded, its
/// table shows how long each record took, the mean of all replays, and its share of all; without, nothing is measured.
///
///     std::cout << wg::explain(step);
template <typename F>
std::string explain(const Compiled<F>& compiled, Format format = Format::table) {
  return compiled.explain(format);
}

}  // namespace wengert

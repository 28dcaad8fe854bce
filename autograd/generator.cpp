#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/kernels/random.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>

namespace wengert {
namespace {

void require_floating(const char* what, DType dtype) {
  if (!is_floating(dtype)) throw DTypeError(fmt::format("{}: dtype {}; expected f32 or f64", what, name_of(dtype)));
}

/// Whether a number is finite, and stays so as an element of `dtype`.
bool is_finite(double value, DType dtype) {
  return std::isfinite(dtype == DType::f32 ? static_cast<double>(static_cast<float>(value)) : value);
}

/// Blocks that `count` numbers take.
std::uint64_t blocks(std::int64_t count, std::size_t of_block) {
  return (static_cast<std::uint64_t>(count) + of_block - 1) / of_block;
}

/// Seed, stream and position as a tensor holds them.
using State = std::array<std::uint64_t, 3>;

State state_of(const Tensor& tensor) {
  State state{};
  const auto elements = tensor.data<std::int64_t>();
  std::transform(elements.begin(), elements.end(), state.begin(),
                 [](std::int64_t bits) { return static_cast<std::uint64_t>(bits); });
  return state;
}

Tensor tensor_of(const State& state) {
  return Tensor(
      {static_cast<std::int64_t>(state[0]), static_cast<std::int64_t>(state[1]), static_cast<std::int64_t>(state[2])});
}

// Operations, so that a compiled function draws at every call. They are not of the catalogue: what they are applied to
// is a generator's state alone.

void infer_drawn(std::span<const Tensor>, const Attributes& attributes, std::span<TensorType> results) {
  results[0] = {attributes.get<DType>("dtype"), Shape(attributes.ints("shape"))};
}

/// Calls fill(elements, stream) for parts of the result, f32 or f64, of whose numbers `of_block` come from one block.
/// `cost` is an element's (kernels/threads.h).
template <typename F>
void draw_with(const Tensor& generator, Tensor& result, std::size_t of_block, double cost, F fill) {
  const State state = state_of(generator);
  dispatch_floating(result.dtype(), [&]<typename T>(T) {
    const std::span<T> elements = writable<T>(result);
    kernels::parallel_ranges(result.size(), static_cast<std::int64_t>(of_block),
                             kernels::work_of<T>(cost, result.size()), [&](std::int64_t begin, std::int64_t end) {
                               const auto first = static_cast<std::size_t>(begin);
                               fill(elements.subspan(first, static_cast<std::size_t>(end) - first),
                                    kernels::Stream{state[0], state[1], state[2] + first / of_block});
                             });
  });
}

void draw_uniform(std::span<const Tensor> inputs, const Attributes& attributes, std::span<Tensor> results) {
  const double low = attributes.number("low"), high = attributes.number("high");
  draw_with(inputs[0], results[0], kernels::uniforms_of_block(size_of(results[0].dtype())), 50,
            [=](auto elements, const auto& stream) { kernels::fill_uniform(elements, stream, low, high); });
}

void draw_normal(std::span<const Tensor> inputs, const Attributes& attributes, std::span<Tensor> results) {
  const double mean = attributes.number("mean"), deviation = attributes.number("deviation");
  draw_with(inputs[0], results[0], kernels::normals_of_block, 150,
            [=](auto elements, const auto& stream) { kernels::fill_normal(elements, stream, mean, deviation); });
}

const Operation& uniform_operation() {
  static const Operation operation =
      primitive("uniform", {.attributes = {{"shape", Ints{}}, {"low", 0.0}, {"high", 1.0}, {"dtype", DType::f32}},
                            .differentiable = false,
                            .infer = infer_drawn,
                            .kernel = draw_uniform});
  return operation;
}

const Operation& normal_operation() {
  static const Operation operation =
      primitive("normal", {.attributes = {{"shape", Ints{}}, {"mean", 0.0}, {"deviation", 1.0}, {"dtype", DType::f32}},
                           .differentiable = false,
                           .infer = infer_drawn,
                           .kernel = draw_normal});
  return operation;
}

}  // namespace

/// A generator's state on the host.
class Generator::Counter {
 public:
  /// `draws` are going to be made: to make many at a time takes less.
  Counter(const State& state, std::int64_t draws)
      : state_(state), batch_(static_cast<std::size_t>(std::clamp<std::int64_t>(draws, 1, most_ahead))) {}

  std::uint64_t next() {
    if (used_ == batch_) {
      kernels::fill_integers(std::span(ahead_).first(batch_), {state_[0], state_[1], state_[2]});
      used_ = 0;
    }
    ++state_[2];
    return ahead_[used_++];
  }

  std::uint64_t below(std::uint64_t bound) {
    if (bound == 0) throw ValueError("below: the bound is 0; expected 1 or more");
    // 2⁶⁴ mod bound: so many of the smallest numbers are drawn again, and each remainder is left equally often.
    const auto is_surplus = [bound](std::uint64_t drawn) {
      return drawn < bound && drawn < (std::numeric_limits<std::uint64_t>::max() - bound + 1) % bound;
    };
    std::uint64_t drawn = next();
    while (is_surplus(drawn)) drawn = next();
    return drawn % bound;
  }

  State& state() { return state_; }
  const State& state() const { return state_; }

 private:
  static constexpr std::int64_t most_ahead = 128;

  State state_;
  std::size_t batch_, used_ = batch_;
  std::array<std::uint64_t, most_ahead> ahead_;
};

Generator::Generator(std::uint64_t seed, std::uint64_t stream) : state_(tensor_of({seed, stream, 0})) {}
Generator::Generator(const Generator& other) : state_(other.state_.value()) {}

// The slot stays: it is what a compiled function knows this generator by.
Generator& Generator::operator=(const Generator& other) {
  state_.assign(other.state_.value());
  return *this;
}

Generator::Counter Generator::counter(const char* what, std::int64_t draws) const {
  const Tensor state = state_.value();
  detail::before_host_read(state, what);
  return {state_of(state), draws};
}

void Generator::set(const Counter& counter) { state_.assign(tensor_of(counter.state())); }

std::uint64_t Generator::next() {
  Counter now = counter("Generator::next");
  const std::uint64_t drawn = now.next();
  set(now);
  return drawn;
}

std::uint64_t Generator::below(std::uint64_t bound) {
  Counter now = counter("Generator::below");
  const std::uint64_t drawn = now.below(bound);
  set(now);
  return drawn;
}

std::uint64_t Generator::seed() const { return counter("Generator::seed").state()[0]; }
std::uint64_t Generator::stream() const { return counter("Generator::stream").state()[1]; }
std::uint64_t Generator::position() const { return counter("Generator::position").state()[2]; }

void Generator::set_position(std::uint64_t position) {
  Counter now = counter("Generator::set_position");
  now.state()[2] = position;
  set(now);
}

Tensor Generator::advance(std::uint64_t blocks) {
  Tensor before = state_.value();
  if (blocks != 0) state_.assign(before + tensor_of({0, 0, blocks}));
  return before;
}

Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype) {
  require_floating("uniform", dtype);
  if (!is_finite(low, dtype) || !is_finite(high, dtype) || !is_finite(high - low, dtype) || low > high) {
    throw ValueError(
        fmt::format("uniform: bounds {} and {}; expected finite numbers in ascending order, and no further "
                    "apart than the dtype holds",
                    low, high));
  }
  const Tensor state = generator.advance(blocks(shape.elements(), kernels::uniforms_of_block(size_of(dtype))));
  return apply(uniform_operation(), {state}, {{"shape", Ints(shape)}, {"low", low}, {"high", high}, {"dtype", dtype}});
}

Tensor normal(const Shape& shape, double mean, double deviation, Generator& generator, DType dtype) {
  require_floating("normal", dtype);
  if (!is_finite(mean, dtype) || !is_finite(deviation, dtype) || deviation < 0) {
    throw ValueError(fmt::format(
        "normal: mean {} and deviation {}; expected finite numbers, the deviation not negative", mean, deviation));
  }
  const Tensor state = generator.advance(blocks(shape.elements(), kernels::normals_of_block));
  return apply(normal_operation(), {state},
               {{"shape", Ints(shape)}, {"mean", mean}, {"deviation", deviation}, {"dtype", dtype}});
}

Tensor permutation(std::int64_t n, Generator& generator) {
  if (n < 0) throw ValueError(fmt::format("permutation: of {} numbers; expected 0 or more", n));
  Tensor result = empty({n}, DType::i64);
  const std::span<std::int64_t> order = writable<std::int64_t>(result);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  Generator::Counter counter = generator.counter("permutation", n);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[counter.below(i)]);
  generator.set(counter);
  return result;
}

}  // namespace wengert

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
#include <wengert/autograd/kernels/philox.h>
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

/// Calls draw(elements, the first one's number, seed, stream, position) for parts of the result, f32 or f64, which
/// begin with a block of the stream. `cost` is an element's (kernels/threads.h).
template <typename F>
void draw_with(const Tensor& generator, Tensor& result, double cost, F draw) {
  const State state = state_of(generator);
  constexpr auto most_of_block = static_cast<std::int64_t>(kernels::uniforms_of_block(sizeof(float)));
  dispatch(result.dtype(), [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_floating_point_v<T>) {
      const std::span<T> elements = writable<T>(result);
      kernels::parallel_ranges(result.size(), most_of_block, kernels::work_of<T>(cost, result.size()),
                               [&](std::int64_t begin, std::int64_t end) {
                                 const auto first = static_cast<std::size_t>(begin);
                                 draw(elements.subspan(first, static_cast<std::size_t>(end) - first), first, state[0],
                                      state[1], state[2]);
                               });
    }
  });
}

void draw_uniform(std::span<const Tensor> inputs, const Attributes& attributes, std::span<Tensor> results) {
  const double low = attributes.number("low"), high = attributes.number("high");
  draw_with(inputs[0], results[0], 150,
            [=]<typename T>(std::span<T> elements, std::size_t first, auto seed, auto stream, auto position) {
              kernels::fill_uniform(elements.data(), static_cast<std::int64_t>(elements.size()), seed, stream,
                                    position + first / kernels::uniforms_of_block(sizeof(T)));
              // Where low + u · (high − low) rounds up to high, the largest number below it is meant.
              const auto bottom = static_cast<T>(low);
              const T top = std::max(bottom, std::nextafter(static_cast<T>(high), bottom));
              for (T& u : elements) u = std::min(static_cast<T>(low + static_cast<double>(u) * (high - low)), top);
            });
}

void draw_normal(std::span<const Tensor> inputs, const Attributes& attributes, std::span<Tensor> results) {
  const double mean = attributes.number("mean"), deviation = attributes.number("deviation");
  draw_with(inputs[0], results[0], 1000,
            [=]<typename T>(std::span<T> elements, std::size_t first, auto seed, auto stream, auto position) {
              kernels::fill_normal(elements.data(), static_cast<std::int64_t>(elements.size()), seed, stream,
                                   position + first / kernels::normals_of_block);
              for (T& z : elements) z = static_cast<T>(mean + deviation * static_cast<double>(z));
            });
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
  explicit Counter(const State& state) : state_(state) {}

  std::uint64_t next() {
    const auto words = kernels::philox_block(state_[0], state_[1], state_[2]++);
    return std::uint64_t{words[1]} << 32 | words[0];
  }

  std::uint64_t below(std::uint64_t bound) {
    if (bound == 0) throw ValueError("below: the bound is 0; expected 1 or more");
    // 2⁶⁴ mod bound: so many of the smallest numbers are drawn again, and each remainder is left equally often.
    const std::uint64_t surplus = (std::numeric_limits<std::uint64_t>::max() - bound + 1) % bound;
    std::uint64_t drawn = next();
    while (drawn < surplus) drawn = next();
    return drawn % bound;
  }

  State& state() { return state_; }
  const State& state() const { return state_; }

 private:
  State state_;
};

Generator::Generator(std::uint64_t seed, std::uint64_t stream) : state_(tensor_of({seed, stream, 0})) {}
Generator::Generator(const Generator& other) : state_(other.state_.value()) {}

// The slot stays: it is what a compiled function knows this generator by.
Generator& Generator::operator=(const Generator& other) {
  state_.assign(other.state_.value());
  return *this;
}

Generator::Counter Generator::counter(const char* what) const {
  const Tensor state = state_.value();
  detail::before_host_read(state, what);
  return Counter(state_of(state));
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
    throw ValueError(fmt::format("uniform: bounds {} and {}; expected finite numbers in ascending order", low, high));
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
  Generator::Counter counter = generator.counter("permutation");
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[counter.below(i)]);
  generator.set(counter);
  return result;
}

}  // namespace wengert

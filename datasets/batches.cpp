#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/kernels/bytes.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/datasets/batches.h>

namespace wengert::datasets {

namespace {

/// What an element counts. Multiplying by 1/n would round twice, hence the division where scale is such a number. That
/// the quotient is rounded to f64 first does not change the f32: that of two 24-bit numbers is never so close to the
/// middle between two of them (Figueroa, "When is double rounding innocuous?", 1995).
class Scaling {
 public:
  explicit Scaling(double scale) : scale_(scale), divisor_(std::round(1 / scale)) {
    divides_ = std::isfinite(divisor_) && 1 / divisor_ == scale;
  }
  double operator()(double element) const { return divides_ ? element / divisor_ : element * scale_; }
  bool is_one() const { return scale_ == 1; }
  /// Whether T holds the number that is divided by.
  template <typename T>
  bool divides() const {
    return divides_ && static_cast<double>(static_cast<T>(divisor_)) == divisor_;
  }
  double divisor() const { return divisor_; }

 private:
  double scale_, divisor_;
  bool divides_;
};

/// The shape of `count` samples of a tensor whose first axis counts them.
Shape shape_of(const Tensor& source, std::int64_t count) {
  Ints extents(std::span(source.shape().begin(), source.rank()));
  extents[0] = count;
  return Shape(extents);
}

/// Which samples a batch is made of: an interval of the data set, or of an order of it.
struct Selection {
  std::int64_t first, count;
  std::span<const std::int64_t> order;

  std::int64_t operator[](std::int64_t i) const {
    return order.empty() ? first + i : order[static_cast<std::size_t>(first + i)];
  }
};

/// Of taking an element, in multiply-adds (kernels/threads.h): images come from all over memory.
constexpr double cost_of_element = 40;

// So many samples are asked for ahead of the one that is made: a shuffled epoch of the main job takes 0.97 of the time.
constexpr std::int64_t samples_ahead = 4;

/// Has the processor fetch a sample, which in a shuffled order it cannot foresee.
template <typename T>
void ask_for(std::span<const T> sample) {
  constexpr std::size_t line = 64 / sizeof(T);
  for (std::size_t i = 0; i < sample.size(); i += line) __builtin_prefetch(&sample[i]);
}

/// Calls `make(from, to)` for the elements of every selected sample, where they are and where they go.
template <typename From, typename To, typename F>
void for_each_sample(const Tensor& source, const Selection& selection, Tensor& result, F make) {
  const std::span<const From> from = source.data<From>();
  const std::span<To> to = writable<To>(result);
  const std::size_t width = selection.count == 0 ? 0 : to.size() / static_cast<std::size_t>(selection.count);
  kernels::parallel_ranges(selection.count, 1, kernels::work_of<To>(cost_of_element, result.size()),
                           [&](std::int64_t begin, std::int64_t end) {
                             const auto sample = [&](std::int64_t i) {
                               return from.subspan(static_cast<std::size_t>(selection[i]) * width, width);
                             };
                             for (std::int64_t i = begin; i < end; ++i) {
                               ask_for(sample(std::min(i + samples_ahead, end - 1)));
                               make(sample(i), to.subspan(static_cast<std::size_t>(i) * width, width));
                             }
                           });
}

Tensor take(const Tensor& source, const Selection& selection) {
  Tensor result = empty(shape_of(source, selection.count), source.dtype());
  dispatch(source.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each_sample<T, T>(source, selection, result,
                          [](auto from, auto to) { std::copy(from.begin(), from.end(), to.begin()); });
  });
  return result;
}

bool holds_infinity(const Tensor& tensor) {
  return dispatch_floating(tensor.dtype(), [&]<typename T>(T) {
    bool found = false;
    for (const T element : tensor.data<T>()) found |= std::isinf(element);
    return found;
  });
}

/// Throws ValueError where a finite element of the images became infinite.
void require_room(const Tensor& images, double scale, const Tensor& result) {
  const Tensor wide = cast(images, DType::f64), scaled = cast(result, DType::f64);
  const std::span<const double> from = wide.data<double>(), to = scaled.data<double>();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!std::isinf(to[i]) || !std::isfinite(from[i])) continue;
    throw ValueError(
        fmt::format("batches: the images hold {:.6g}{}, which is infinite in {}; expected smaller numbers{}", from[i],
                    scale == 1 ? "" : fmt::format(" · {}", scale), name_of(result.dtype()),
                    result.dtype() == DType::f32 ? ", or f64" : ""));
  }
}

/// Integers, which do not go through floating numbers. Throws ValueError where one would become another.
Tensor take_integers(const Tensor& source, const Selection& selection, DType dtype) {
  const Tensor taken = take(source, selection);
  Tensor result = cast(taken, dtype);
  if (size_of(dtype) > size_of(source.dtype())) return result;  // u8 in others, i32 in i64
  const Tensor before = cast(taken, DType::i64), after = cast(result, DType::i64);
  const std::span<const std::int64_t> from = before.data<std::int64_t>(), to = after.data<std::int64_t>();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] == to[i]) continue;
    throw ValueError(
        fmt::format("batches: the images hold {}, which {} does not; expected numbers that it holds, or i64", from[i],
                    name_of(dtype)));
  }
  return result;
}

Tensor take_scaled(const Tensor& source, const Selection& selection, double scale, DType dtype) {
  const Scaling scaled(scale);
  if (source.dtype() == dtype && scaled.is_one()) return take(source, selection);
  if (!is_floating(dtype)) return take_integers(source, selection, dtype);
  Tensor result = empty(shape_of(source, selection.count), dtype);
  const auto make = [&]<typename From, typename To>(From, To) {
    if constexpr (std::is_same_v<From, std::uint8_t>) {
      if (scaled.divides<To>()) {
        return for_each_sample<From, To>(source, selection, result, [&](auto from, auto to) {
          kernels::divide_bytes(from.data(), from.size(), scaled.divisor(), to.data());
        });
      }
    }
    for_each_sample<From, To>(source, selection, result, [&](auto from, auto to) {
      std::transform(from.begin(), from.end(), to.begin(), [&](From element) {
        return scaled.is_one() ? static_cast<To>(element) : static_cast<To>(scaled(static_cast<double>(element)));
      });
    });
  };
  dispatch(source.dtype(), [&](auto from) { dispatch_floating(dtype, [&](auto to) { make(from, to); }); });
  const bool may_overflow = is_floating(source.dtype()) || std::abs(scale) > 1;
  if (may_overflow && holds_infinity(result)) require_room(take(source, selection), scale, result);
  return result;
}

/// Throws DTypeError for images that are no integers, where integers are asked for.
void require_integers(const Dataset& data, DType dtype) {
  const auto is_integer = [](DType type) { return !is_floating(type) && type != DType::boolean; };
  if (is_integer(dtype) && is_integer(data.images.dtype()) && data.scale == 1) return;
  throw DTypeError(
      fmt::format("batches: the images are {} of scale {}, and {} is asked for; expected integers of scale 1",
                  name_of(data.images.dtype()), data.scale, name_of(dtype)));
}

}  // namespace

Batches::Batches(Dataset data, const BatchOptions& options)
    : data_(std::move(data)), options_(options), samples_(data_.size()) {
  if (options.size < 1) throw ValueError(fmt::format("batches: size is {}; expected 1 or more", options.size));
  if (options.epoch < 0) throw ValueError(fmt::format("batches: epoch is {}; expected 0 or more", options.epoch));
  if (!std::isfinite(data_.scale))
    throw ValueError(fmt::format("batches: the data set's scale is {}; expected a finite number", data_.scale));
  if (!is_floating(options.dtype)) require_integers(data_, options.dtype);
  if (options.shuffle) {
    Generator generator(options.seed, static_cast<std::uint64_t>(options.epoch));
    order_ = permutation(samples_, generator);
  }
  if (options.drop_last) samples_ -= samples_ % options.size;
}

std::int64_t Batches::size() const { return samples_ == 0 ? 0 : (samples_ - 1) / options_.size + 1; }

Batch Batches::operator[](std::int64_t i) const {
  if (i < 0 || i >= size())
    throw ValueError(fmt::format("batches: batch {} of {}; they are counted from 0", i, size()));
  const std::int64_t first = i * options_.size;
  const Selection selection{first, std::min(options_.size, samples_ - first),
                            order_.defined() ? order_.data<std::int64_t>() : std::span<const std::int64_t>{}};
  return {take_scaled(data_.images, selection, data_.scale, options_.dtype),
          data_.labels.defined() ? take(data_.labels, selection) : Tensor{}};
}

Batches batches(const Dataset& data, const BatchOptions& options) { return {data, options}; }

}  // namespace wengert::datasets

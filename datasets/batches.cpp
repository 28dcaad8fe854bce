#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/kernels/threads.h>
#include <wengert/autograd/operation.h>
#include <wengert/datasets/batches.h>

namespace wengert::datasets {

namespace {

/// What an element counts. Multiplying by 1/n would round twice, hence the division where scale is such a number.
class Scaling {
 public:
  explicit Scaling(double scale) : scale_(scale), divisor_(std::round(1 / scale)) {
    divides_ = std::isfinite(divisor_) && 1 / divisor_ == scale;
  }
  double operator()(double element) const { return divides_ ? element / divisor_ : element * scale_; }
  bool is_one() const { return scale_ == 1; }

 private:
  double scale_, divisor_;
  bool divides_;
};

/// The numbers that the bytes 0 … 255 stand for: they are worked out once, not for every pixel. Rounding n/255 to
/// double first does not change the float: the quotient of two 24-bit numbers is never that close to the middle between
/// two floats (Figueroa, "When is double rounding innocuous?", 1995).
Tensor byte_values(double scale, DType dtype) {
  Tensor table = empty({256}, dtype);
  const Scaling scaled(scale);
  dispatch(dtype, [&](auto type) {
    using T = decltype(type);
    double byte = 0;
    for (T& value : writable<T>(table)) value = static_cast<T>(scaled(byte++));
  });
  return table;
}

/// The shape of `count` samples of a tensor whose first axis counts them.
Shape shape_of(const Tensor& source, std::int64_t count) {
  Ints extents(std::span(source.shape().begin(), source.rank()));
  extents[0] = count;
  return Shape(std::span(extents.begin(), extents.size()));
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

/// Calls `make(from, to)` for the elements of every selected sample, where they are and where they go.
template <typename From, typename To, typename F>
void for_each_sample(const Tensor& source, const Selection& selection, Tensor& result, F make) {
  const std::span<const From> from = source.data<From>();
  const std::span<To> to = writable<To>(result);
  const std::size_t width = selection.count == 0 ? 0 : to.size() / static_cast<std::size_t>(selection.count);
  kernels::parallel_ranges(selection.count, 1, kernels::work_of<To>(cost_of_element, result.size()),
                           [&](std::int64_t begin, std::int64_t end) {
                             for (std::int64_t i = begin; i < end; ++i) {
                               make(from.subspan(static_cast<std::size_t>(selection[i]) * width, width),
                                    to.subspan(static_cast<std::size_t>(i) * width, width));
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

/// `bytes` is what `byte_values` gave; looked up where the source is u8.
Tensor take_scaled(const Tensor& source, const Selection& selection, double scale, const Tensor& bytes, DType dtype) {
  const Scaling scaled(scale);
  if (source.dtype() == dtype && scaled.is_one()) return take(source, selection);
  Tensor result = empty(shape_of(source, selection.count), dtype);
  const auto make = [&]<typename From, typename To>(From, To) {
    if constexpr (std::is_same_v<From, std::uint8_t>) {
      const To* values = bytes.data<To>().data();
      for_each_sample<From, To>(source, selection, result, [values](auto from, auto to) {
        std::transform(from.begin(), from.end(), to.begin(), [values](std::uint8_t byte) { return values[byte]; });
      });
    } else {
      for_each_sample<From, To>(source, selection, result, [&](auto from, auto to) {
        std::transform(from.begin(), from.end(), to.begin(),
                       [&](From element) { return static_cast<To>(scaled(static_cast<double>(element))); });
      });
    }
  };
  dispatch(source.dtype(), [&](auto from) { dtype == DType::f32 ? make(from, float{}) : make(from, double{}); });
  return result;
}

}  // namespace

Batches::Batches(Dataset data, const BatchOptions& options)
    : data_(std::move(data)), options_(options), samples_(data_.size()) {
  if (options.size < 1) throw ValueError(fmt::format("batches: size is {}; expected 1 or more", options.size));
  if (options.epoch < 0) throw ValueError(fmt::format("batches: epoch is {}; expected 0 or more", options.epoch));
  if (!std::isfinite(data_.scale)) throw ValueError(fmt::format("batches: the data set's scale is {}", data_.scale));
  if (!is_floating(options.dtype)) {
    throw DTypeError(fmt::format("batches: dtype is {}; expected f32 or f64", name_of(options.dtype)));
  }
  if (options.shuffle) {
    Generator generator(options.seed, static_cast<std::uint64_t>(options.epoch));
    order_ = permutation(samples_, generator);
  }
  if (data_.images.dtype() == DType::u8) pixels_ = byte_values(data_.scale, options.dtype);
  if (options.drop_last) samples_ -= samples_ % options.size;
}

std::int64_t Batches::size() const { return samples_ == 0 ? 0 : (samples_ - 1) / options_.size + 1; }

std::int64_t Batches::samples() const { return samples_; }

Batch Batches::operator[](std::int64_t i) const {
  if (i < 0 || i >= size())
    throw ValueError(fmt::format("batches: batch {} of {}; expected 0 ... {}", i, size(), size() - 1));
  const std::int64_t first = i * options_.size;
  const Selection selection{first, std::min(options_.size, samples_ - first),
                            order_.defined() ? order_.data<std::int64_t>() : std::span<const std::int64_t>{}};
  return {take_scaled(data_.images, selection, data_.scale, pixels_, options_.dtype),
          data_.labels.defined() ? take(data_.labels, selection) : Tensor{}};
}

Batches batches(const Dataset& data, const BatchOptions& options) { return {data, options}; }

}  // namespace wengert::datasets

#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

#include <wengert/autograd/tensor.h>
#include <wengert/datasets/dataset.h>

namespace wengert::datasets {

/// What one step is trained on.
struct Batch {
  /// [size, …], of the dtype asked for.
  Tensor images;
  /// [size, …], of the dtype of the data set's labels; undefined where it has none.
  Tensor labels;
};

struct BatchOptions {
  /// Samples of each batch; the last may be shorter.
  std::int64_t size = 32;
  /// In random order instead of the data set's.
  bool shuffle = false;
  std::uint64_t seed = 0;
  /// Each epoch has an order of its own: seed and epoch alone determine it.
  std::int64_t epoch = 0;
  /// Leave out a last batch that is shorter than the others.
  bool drop_last = false;
  /// Of the images: f32 or f64; or, for tokens and the like, u8, i32 or i64.
  DType dtype = DType::f32;
};

/// The batches of one pass over a data set, made one by one as they are asked for, in memory from the pool. Keeps the
/// data alive. Several threads may ask at once.
class Batches {
 public:
  class Iterator;

  /// As `batches`, below.
  Batches(Dataset data, const BatchOptions& options);

  /// Number of batches.
  std::int64_t size() const;
  /// Makes batch i of 0 … size()−1. Throws ValueError for another, and where the dtype asked for does not hold
  /// an integer of the images, or where a finite element is infinite in it once scaled.
  Batch operator[](std::int64_t i) const;

  Iterator begin() const;
  Iterator end() const;

 private:
  Dataset data_;
  BatchOptions options_;
  std::int64_t samples_;
  Tensor order_;  // i64 [samples]; undefined for the data set's own order
};

class Batches::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using difference_type = std::ptrdiff_t;
  using value_type = Batch;

  Iterator() = default;
  Iterator(const Batches* batches, std::int64_t i) : batches_(batches), i_(i) {}
  Batch operator*() const { return (*batches_)[i_]; }
  Iterator& operator++() {
    ++i_;
    return *this;
  }
  Iterator operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Iterator& a, const Iterator& b) { return a.i_ == b.i_; }

 private:
  const Batches* batches_ = nullptr;
  std::int64_t i_ = 0;
};

inline Batches::Iterator Batches::begin() const { return {this, 0}; }
inline Batches::Iterator Batches::end() const { return {this, size()}; }

/// One pass over a data set:
///
///     for (auto [images, labels] : datasets::batches(data.train, {.size = 32, .shuffle = true, .seed = 7}))
///
/// Images come out as element · scale in the dtype asked for; where scale is 1/n for a whole n, as element ÷ n
/// correctly rounded. Integers come out as they are in an integer dtype. Throws ValueError for a size below 1, a
/// negative epoch or a scale that is not finite; DTypeError where integers are asked for and the images are floating or
/// their scale is not 1; and as `Dataset::size`.
Batches batches(const Dataset& data, const BatchOptions& options = {});

}  // namespace wengert::datasets

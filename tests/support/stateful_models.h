#pragma once

#include <wengert/autograd/generator.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/slot.h>
#include <wengert/nn/nn.h>

namespace wengert::test {

/// Batch normalisation without scale: statistics of the batch in training, running ones in evaluation.
class Normalize : public nn::Module {
 public:
  explicit Normalize(std::int64_t width) : shift(zeros({width})), average(zeros({width})), batches(Tensor({0}, {1})) {}
  Tensor forward(const Tensor& x) override {
    if (!is_training()) return x - average.value() + shift;
    const Tensor now = mean(x, {0});
    average.assign(average.value() * 0.9 + stop_gradient(now) * 0.1);
    batches.assign(batches.value() + 1);
    return x - now + shift;
  }
  void visit(nn::Visitor& v) override { v("shift", shift, nn::zeros), v("average", average), v("batches", batches); }

  Parameter shift;
  Slot average, batches;
};

/// Half of the elements, in training.
class Dropout : public nn::Module {
 public:
  Tensor forward(const Tensor& x) override {
    if (!is_training()) return x;
    return where(uniform(x.shape(), 0, 1, generator, x.dtype()) < 0.5, x * 2.0, x * 0.0);
  }
  void visit(nn::Visitor& v) override { v("generator", generator); }
  Generator generator;
};

}  // namespace wengert::test

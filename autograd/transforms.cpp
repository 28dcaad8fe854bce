#include <vector>

#include <wengert/autograd/operations.h>
#include <wengert/autograd/transforms.h>

namespace wengert::detail {

Tensor jacobian(Tape& tape, const Tensor& y, const Tensor& variable) {
  Ints extents(y.shape());
  for (const std::int64_t extent : variable.shape()) extents.push_back(extent);
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const Tensor unit = embed(ones({1}, y.dtype()), {y.size()}, {i});
    rows.push_back(tape.gradient(y, variable, reshape(unit, Ints(y.shape()))));
  }
  return rows.empty() ? zeros(Shape(extents), variable.dtype()) : reshape(stack(rows), extents);
}

}  // namespace wengert::detail

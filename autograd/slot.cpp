#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/slot.h>

namespace wengert {

Slot::Slot(Tensor value) : state_(detail::make_state(std::move(value), {})) {}

Tensor Slot::value() const { return detail::read_state(state_); }

void Slot::assign(const Tensor& value) { detail::assign_state(state_, value); }

Slot Slot::clone() const { return Slot(value()); }

}  // namespace wengert

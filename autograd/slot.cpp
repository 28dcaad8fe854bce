#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/slot.h>

namespace wengert {

Slot::Slot(Tensor value)
    : state_(std::make_shared<detail::ParameterState>(detail::ParameterState{std::move(value), {}})) {
  static_cast<void>(detail::Access::checked(state_->value));
}

Tensor Slot::value() const { return detail::read_state(state_); }

void Slot::assign(const Tensor& value) { detail::assign_state(state_, value); }

Slot Slot::clone() const { return Slot(state_->value); }

}  // namespace wengert

#include <wengert/autograd/internal/capture.h>
#include <wengert/autograd/internal/list.h>
#include <wengert/autograd/parameter.h>

namespace wengert {

Parameter detail::Access::parameter(std::shared_ptr<ParameterState> state) { return Parameter(std::move(state)); }

Parameter::Parameter(Tensor value, std::string name) : state_(detail::make_state(std::move(value), std::move(name))) {}

detail::Borrowed::Borrowed(const Parameter& parameter) : Borrowed(parameter.value()) {}

Tensor Parameter::value() const { return detail::thread_list().read(state_); }

void Parameter::assign(const Tensor& value) { detail::assign_state(state_, value); }

bool Parameter::is_assigned() const { return state_->is_assigned; }

Shape Parameter::shape() const { return state_->value.shape(); }
DType Parameter::dtype() const { return state_->value.dtype(); }
const std::string& Parameter::name() const { return state_->name; }
void Parameter::set_name(std::string name) { state_->name = std::move(name); }
Parameter Parameter::clone() const {
  Parameter copy(detail::read_state(state_), state_->name);
  copy.state_->is_assigned = state_->is_assigned;
  return copy;
}

}  // namespace wengert

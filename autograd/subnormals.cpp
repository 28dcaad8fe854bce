#include <wengert/autograd/kernels/floating_mode.h>
#include <wengert/autograd/subnormals.h>

namespace wengert {

SubnormalsAsZero::SubnormalsAsZero() noexcept : before_(kernels::floating_mode()) {
  kernels::set_floating_mode(kernels::without_subnormals(before_));
}
SubnormalsAsZero::~SubnormalsAsZero() { kernels::set_floating_mode(before_); }

}  // namespace wengert

#include <fmt/format.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/threads.h>

namespace wengert {

void set_threads(int count) {
  if (count < 1) throw ValueError(fmt::format("set_threads: {}; expected 1 or more", count));
  kernels::set_threads(count);
}

}  // namespace wengert

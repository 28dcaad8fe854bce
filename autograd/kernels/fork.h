#pragma once

namespace wengert::kernels {

namespace detail {
void at_fork(void (*before)(), void (*in_parent)(), void (*in_child)());
}

/// To be called once for what is behind a mutex and lives as long as the process, by what makes it. A process that is
/// forked has no thread but the one that forked it: `get()` is locked meanwhile, as another thread might hold it for
/// ever there, and `forget()` drops what has to do with the threads that are left behind.
template <auto get>
void prepare_for_forks() {
  detail::at_fork([] { get().mutex.lock(); }, [] { get().mutex.unlock(); },
                  [] {
                    get().forget();
                    get().mutex.unlock();
                  });
}

}  // namespace wengert::kernels

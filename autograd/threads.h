#pragma once

#include <wengert/autograd/kernels/threads.h>

/// How many threads compute. Results are the same bits whatever their number: it decides who computes a part of a large
/// operation, never how. Small ones, up to ten microseconds or so, stay on the thread that asks for them.

namespace wengert {

/// The threads that operations may use from now on, on all threads of the process without a ThreadLimit: at first as
/// many as there are processors, or what the environment's WENGERT_THREADS says; 256 at most, whatever is said. Throws
/// ValueError for less than 1.
void set_threads(int count);

/// How many operations on this thread may use.
using kernels::threads;

/// Holds operations on this thread to so many threads while it lives: for programs that run several trainings side by
/// side, each with its share.
///
///     const wengert::ThreadLimit alone(1);
using kernels::ThreadLimit;

}  // namespace wengert

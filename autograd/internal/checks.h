#pragma once

#include <wengert/autograd/attributes.h>

/// What operations ask of their inputs. The messages begin with the name of `operation`.

namespace wengert::detail {

/// The dtype, if it is a number; throws DTypeError otherwise.
DType number_dtype(const char* operation, DType dtype);
/// The dtype, if it is f32 or f64.
DType floating_dtype(const char* operation, DType dtype);
/// Throws DTypeError where two inputs differ in dtype.
void require_one_dtype(const char* operation, DType a, DType b);
/// The axis of `shape` that the attribute `axis` names, counted from the first; throws ValueError where there is none.
std::size_t axis_of(const char* operation, const Shape& shape, const Attributes& attributes);

}  // namespace wengert::detail

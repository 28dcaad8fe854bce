#pragma once

#include <string>

#include <wengert/autograd/tensor.h>

namespace wengert::training {

using wengert::NamedTensors;  // in the order of the file

/// Reads a safetensors file: eight bytes with the length of a header, the header as JSON (dtype, shape and place of
/// each tensor), then the elements, little-endian. F32, F64, I32, I64, U8 and BOOL are known. Throws FileError for a
/// file that is missing or damaged in any way: every length and place is checked against the file before memory is
/// asked for, and the tensors must fill the file without gap or overlap.
NamedTensors read_safetensors(const std::string& path);

/// Writes such a file, whole or not at all. Tensors of wider elements come first, so that all are aligned. Throws
/// ValueError for a name that is given twice, reserved ("__metadata__") or not UTF-8, FileError where the file cannot
/// be written.
void write_safetensors(const std::string& path, const NamedTensors& tensors);

}  // namespace wengert::training

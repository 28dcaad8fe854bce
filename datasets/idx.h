#pragma once

#include <string>

#include <wengert/autograd/tensor.h>

namespace wengert::datasets {

/// Reads an IDX file, plain or compressed with gzip (its first bytes tell), as a tensor of u8, i32, f32 or f64. The
/// format: two zero bytes, the type of the elements, the number of axes, the extents and then the elements, all of it
/// big-endian (LeCun, Cortes and Burges, "The MNIST database of handwritten digits").
/// Throws FileError for a file that is missing, damaged, cut short or continues past its last element. Memory is asked
/// for only where the file is large enough to fill it.
Tensor read_idx(const std::string& path);

}  // namespace wengert::datasets

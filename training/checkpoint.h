#pragma once

#include <string>

#include <wengert/nn/module.h>

namespace wengert::training {

/// Saves a model's parameters by their names ("hidden.weight") in a safetensors file, whole or not at all. An
/// optimiser's state goes the same way: `write_safetensors(path, optimizer.state())`.
/// Throws as `write_safetensors`: FileError where the file cannot be written, ValueError for names that are not UTF-8.
void save_weights(nn::Module& model, const std::string& path);

/// Sets a model's parameters from such a file. Floating numbers of another width are converted to the parameter's
/// dtype. Throws FileError naming the parameters that are missing in the file, those it has too many, shapes that
/// differ, and finite numbers that would become infinite; nothing was changed then.
void load_weights(nn::Module& model, const std::string& path);

}  // namespace wengert::training

#pragma once

#include <string>

#include <wengert/nn/module.h>

namespace wengert::training {

/// Saves a model's parameters by their names ("hidden.weight"), and the slots and generators that it lists, in a
/// safetensors file, whole or not at all. An optimiser's state goes the same way: `write_safetensors(path,
/// optimizer.state())`. Throws as `write_safetensors`: FileError where the file cannot be written, ValueError for names
/// that are not UTF-8.
void save_weights(nn::Module& model, const std::string& path);

/// Sets all of them from such a file. Floating numbers of another width are converted to the model's dtype. Throws
/// FileError naming those that are missing in the file, those it has too many, shapes that differ, and finite numbers
/// that would become infinite; nothing was changed then.
void load_weights(nn::Module& model, const std::string& path);

}  // namespace wengert::training

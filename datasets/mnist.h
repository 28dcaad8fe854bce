#pragma once

#include <string>

#include <wengert/datasets/dataset.h>

namespace wengert::datasets {

/// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 60,000 + 10,000 grey images of clothes in ten classes, images u8
/// [n, 28, 28] with scale 1/255, labels u8 [n].
///
/// The four files (train-images-idx3-ubyte and so on, plain or with ".gz") are looked for in `directory`; or else in
/// $WENGERT_DATA/fashion-mnist and $WENGERT_DATA itself; or else in datasets/fashion-mnist of the XDG data directories:
/// $XDG_DATA_HOME (~/.local/share), then each of $XDG_DATA_DIRS (/usr/local/share:/usr/share). Where a directory was
/// named, by either, the others are not searched.
/// Throws FileError where nothing is found, saying where it looked and what helps, and for files that are damaged, are
/// no images of 28 × 28, hold labels beyond 9, or whose images and labels differ in number.
TrainAndTest fashion_mnist(const std::string& directory = {});

/// MNIST (LeCun, Cortes and Burges): handwritten digits in files of the same names and shapes, looked for in
/// `directory`; or else in $WENGERT_DATA/mnist; or else in datasets/mnist of the XDG data directories. Throws as
/// fashion_mnist does.
TrainAndTest mnist(const std::string& directory = {});

}  // namespace wengert::datasets

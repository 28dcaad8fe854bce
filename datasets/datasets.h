#pragma once

/// All of wengert::datasets.

#include <wengert/datasets/batches.h>
#include <wengert/datasets/dataset.h>
#include <wengert/datasets/idx.h>
#include <wengert/datasets/mnist.h>

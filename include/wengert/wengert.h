#pragma once

/// All of wengert. A program that uses one room alone includes that: <wengert/autograd/autograd.h>, <wengert/nn/nn.h>,
/// <wengert/optim/optim.h>, <wengert/datasets/datasets.h>, <wengert/training/training.h>. What needs another library
/// stands apart: <wengert/eigen.h> and <wengert/fmt.h>.

#include <wengert/autograd/autograd.h>
#include <wengert/datasets/datasets.h>
#include <wengert/nn/nn.h>
#include <wengert/optim/optim.h>
#include <wengert/training/training.h>
#include <wengert/version.h>

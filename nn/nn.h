#pragma once

/// All of wengert::nn.

#include <wengert/nn/activation.h>
#include <wengert/nn/dense.h>
#include <wengert/nn/flatten.h>
#include <wengert/nn/initializers.h>
#include <wengert/nn/losses.h>
#include <wengert/nn/metrics.h>
#include <wengert/nn/module.h>
#include <wengert/nn/sequential.h>

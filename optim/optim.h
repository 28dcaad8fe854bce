#pragma once

/// All of wengert::optim.

#include <wengert/optim/adam.h>
#include <wengert/optim/clip.h>
#include <wengert/optim/optimizer.h>
#include <wengert/optim/schedule.h>
#include <wengert/optim/sgd.h>

#pragma once

/// All of wengert::training.

#include <wengert/training/callback.h>
#include <wengert/training/checkpoint.h>
#include <wengert/training/evaluate.h>
#include <wengert/training/fit.h>
#include <wengert/training/history.h>
#include <wengert/training/interrupt.h>
#include <wengert/training/progress.h>
#include <wengert/training/safetensors.h>
#include <wengert/training/write_file.h>

#pragma once

/// All of the room autograd: tensors and parameters, the tape, operations and transforms. It knows nothing of models or
/// data. docs/architecture.md says in which order to read it.

#include <wengert/autograd/compile.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/generator.h>
#include <wengert/autograd/gradcheck.h>
#include <wengert/autograd/host.h>
#include <wengert/autograd/logits.h>
#include <wengert/autograd/operation.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/slot.h>
#include <wengert/autograd/subnormals.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/tensor.h>
#include <wengert/autograd/threads.h>
#include <wengert/autograd/transforms.h>

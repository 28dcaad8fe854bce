#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <wengert/autograd/attributes.h>
#include <wengert/autograd/internal/node.h>
#include <wengert/autograd/kernels/pointwise.h>
#include <wengert/autograd/operation.h>

/// A recorded function as data: what passes over it read and rewrite, and what is replayed.

namespace wengert::detail {

enum class Source : std::uint8_t { input, slot, constant, computed };

/// A value: elements that exist once. `place` counts the inputs and the slots.
struct GraphValue {
  Source source = Source::computed;
  DType dtype = DType::f32;
  std::int64_t elements = 0;
  std::uint32_t place = 0;
  Tensor constant = {};
};

/// A value as an operand or a result: under one of the shapes that its elements are seen in.
struct Use {
  std::uint32_t value = 0;
  Shape shape = {};

  bool operator==(const Use&) const = default;
};

/// One record. Pointwise ones have a program of their own; those that were fused have no `operation` any more, and name
/// what they are made of.
struct GraphRecord {
  const Operation* operation = nullptr;
  Attributes attributes = {};
  std::vector<Use> inputs = {};
  std::vector<Use> outputs = {};
  std::shared_ptr<const kernels::Program> fused = {};
  DType compute = DType::f32;
  std::vector<const Operation*> parts = {};

  bool is_pointwise() const { return fused != nullptr || operation->pointwise != nullptr; }
};

struct Assignment {
  std::uint32_t slot = 0;
  std::uint32_t value = 0;
};

/// A truth value of the host: what was read of it at first, and set at last.
struct FlagUse {
  std::shared_ptr<bool> flag = {};
  std::optional<bool> read = {}, set = {};
};

/// A function: inputs and slots in, records, then results out and slots assigned.
struct Graph {
  std::vector<GraphValue> values;
  std::vector<GraphRecord> records;
  std::vector<std::shared_ptr<ParameterState>> slots;
  std::vector<Assignment> assignments;
  std::vector<Use> results;
  std::vector<FlagUse> flags;
};

}  // namespace wengert::detail

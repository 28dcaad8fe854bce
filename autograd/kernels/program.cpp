#include <array>
#include <cstddef>

#include <wengert/autograd/kernels/program.h>

namespace wengert::kernels {
namespace {

struct Description {
  const char* name;
  int arity;
  double cost;  // of an element, in multiply-adds (threads.h), roughly
};

constexpr double cheap = 4, dear = 50;

// In the order of the enumeration.
constexpr std::array<Description, 47> descriptions = {{
    {"constant", 0, 0},        {"add", 2, cheap},         {"sub", 2, cheap},        {"mul", 2, cheap},
    {"div", 2, cheap},         {"fma", 3, cheap},         {"neg", 1, cheap},        {"abs", 1, cheap},
    {"minimum", 2, cheap},     {"maximum", 2, cheap},     {"sqrt", 1, cheap},       {"exp", 1, dear},
    {"expm1", 1, dear},        {"log", 1, dear},          {"log1p", 1, dear},       {"sin", 1, dear},
    {"cos", 1, dear},          {"tan", 1, dear},          {"asin", 1, dear},        {"acos", 1, dear},
    {"atan", 1, dear},         {"sinh", 1, dear},         {"cosh", 1, dear},        {"tanh", 1, dear},
    {"logistic", 1, dear},     {"asinh", 1, dear},        {"acosh", 1, dear},       {"atanh", 1, dear},
    {"erf", 1, dear},          {"erfc", 1, dear},         {"normal_cdf", 1, dear},  {"pow", 2, dear},
    {"atan2", 2, dear},        {"hypot", 2, dear},        {"floor", 1, cheap},      {"ceil", 1, cheap},
    {"round", 1, cheap},       {"less", 2, cheap},        {"less_equal", 2, cheap}, {"equal", 2, cheap},
    {"logical_not", 1, cheap}, {"logical_and", 2, cheap}, {"logical_or", 2, cheap}, {"select", 3, cheap},
    {"is_finite", 1, cheap},   {"is_nan", 1, cheap},      {"copy_sign", 2, cheap},
}};
static_assert(descriptions.size() == static_cast<std::size_t>(Primitive::copy_sign) + 1);

const Description& describe(Primitive primitive) { return descriptions[static_cast<std::size_t>(primitive)]; }

}  // namespace

int arity(Primitive primitive) { return describe(primitive).arity; }

Flags needed_values(const Program& program, const Flags& given) {
  const std::size_t leaves = program.leaves();
  Flags needed(leaves + program.instructions.size());
  for (const std::uint16_t output : program.outputs) needed[output] = 1;
  for (std::size_t i = program.instructions.size(); i-- > 0;) {
    if (needed[leaves + i] == 0 || (!given.empty() && given[i] != 0)) continue;
    for_operands(program.instructions[i], [&](std::uint16_t operand) { needed[operand] = 1; });
  }
  return needed;
}

double cost_of(Primitive primitive) { return describe(primitive).cost; }

double cost_of(const Program& program, const Flags& given) {
  const Flags needed = needed_values(program, given);
  double cost = 0;
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const bool is_given = !given.empty() && given[i] != 0;
    if (needed[program.leaves() + i] != 0 && !is_given) cost += cost_of(program.instructions[i].primitive);
  }
  return cost;
}

const char* name_of(Primitive primitive) { return describe(primitive).name; }

}  // namespace wengert::kernels

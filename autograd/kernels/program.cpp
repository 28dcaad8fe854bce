#include <array>
#include <cstddef>

#include <wengert/autograd/kernels/program.h>

namespace wengert::kernels {
namespace {

struct Description {
  const char* name;
  int arity;
};

// In the order of the enumeration.
constexpr std::array<Description, 47> descriptions = {{
    {"constant", 0},   {"add", 2},    {"sub", 2},        {"mul", 2},     {"div", 2},         {"fma", 3},
    {"neg", 1},        {"abs", 1},    {"minimum", 2},    {"maximum", 2}, {"sqrt", 1},        {"exp", 1},
    {"expm1", 1},      {"log", 1},    {"log1p", 1},      {"sin", 1},     {"cos", 1},         {"tan", 1},
    {"asin", 1},       {"acos", 1},   {"atan", 1},       {"sinh", 1},    {"cosh", 1},        {"tanh", 1},
    {"logistic", 1},   {"asinh", 1},  {"acosh", 1},      {"atanh", 1},   {"erf", 1},         {"erfc", 1},
    {"normal_cdf", 1}, {"pow", 2},    {"atan2", 2},      {"hypot", 2},   {"floor", 1},       {"ceil", 1},
    {"round", 1},      {"less", 2},   {"less_equal", 2}, {"equal", 2},   {"logical_not", 1}, {"logical_and", 2},
    {"logical_or", 2}, {"select", 3}, {"is_finite", 1},  {"is_nan", 1},  {"copy_sign", 2},
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

const char* name_of(Primitive primitive) { return describe(primitive).name; }

}  // namespace wengert::kernels

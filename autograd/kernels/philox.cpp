#include <wengert/autograd/kernels/philox.h>

namespace wengert::kernels {

using philox::high;
using philox::low;

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < philox::rounds; ++round) {
    const std::uint64_t product_0 = std::uint64_t{philox::multiplier_0} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{philox::multiplier_1} * counter[2];
    counter = {high(product_1) ^ counter[1] ^ key[0], low(product_1), high(product_0) ^ counter[3] ^ key[1],
               low(product_0)};
    key = {key[0] + philox::weyl_0, key[1] + philox::weyl_1};
  }
  return counter;
}

std::array<std::uint32_t, 4> philox_block(std::uint64_t key, std::uint64_t stream, std::uint64_t number) {
  return philox4x32({low(number), high(number), low(stream), high(stream)}, {low(key), high(key)});
}

}  // namespace wengert::kernels

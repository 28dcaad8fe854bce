#include "language_model.h"

#include <cmath>

#include <fmt/format.h>

#include <wengert/autograd/autograd.h>

namespace contest {

namespace wg = wengert;
using wg::Tensor;

LayerNorm::LayerNorm(std::int64_t width) : gain(wg::ones({width})), bias(wg::zeros({width})) {}

Tensor LayerNorm::forward(const Tensor& x) {
  const Tensor centred = x - wg::mean(x, {-1}, true);
  return centred * wg::rsqrt(wg::mean(centred * centred, {-1}, true) + 1e-5) * gain + bias;
}

void LayerNorm::visit(wg::nn::Visitor& v) { v("gain", gain), v("bias", bias); }

Block::Block(std::int64_t width, std::int64_t number_of_heads)
    : heads(number_of_heads),
      norm1(width),
      norm2(width),
      qkv(width, 3 * width),
      out(width, width),
      up(width, 4 * width, wg::nn::gelu),
      down(4 * width, width) {}

Tensor Block::attention(const Tensor& x) {
  const std::int64_t batch = x.shape()[0], time = x.shape()[1], width = x.shape()[2], of_head = width / heads;
  const std::vector<Tensor> parts = wg::split(wg::reshape(qkv(x), {batch, time, 3, heads, of_head}), 3, 2);
  const auto by_heads = [&](std::size_t part) {
    return wg::transpose(wg::reshape(parts[part], {batch, time, heads, of_head}), {0, 2, 1, 3});
  };
  const Tensor query = by_heads(0), key = by_heads(1), value = by_heads(2);
  const Tensor scores = wg::matmul(query, key, {.transpose_b = true}) / std::sqrt(static_cast<double>(of_head));
  const Tensor places = wg::arange(0, time, 1, wg::DType::i32);
  const Tensor weights = wg::softmax(wg::where(wg::unsqueeze(places, {1}) >= places, scores, -1e30));
  return out(wg::reshape(wg::transpose(wg::matmul(weights, value), {0, 2, 1, 3}), {batch, time, width}));
}

Tensor Block::forward(const Tensor& x) {
  const Tensor y = x + attention(norm1(x));
  return y + down(up(norm2(y)));
}

void Block::visit(wg::nn::Visitor& v) {
  v("norm1", norm1), v("qkv", qkv), v("out", out), v("norm2", norm2), v("up", up), v("down", down);
}

LanguageModel::LanguageModel(const Sizes& sizes)
    : tokens(wg::zeros({sizes.tokens, sizes.width})),
      places(wg::zeros({sizes.length, sizes.width})),
      norm(sizes.width),
      logits(sizes.width, sizes.tokens) {
  for (std::int64_t i = 0; i < sizes.depth; ++i) blocks.emplace_back(sizes.width, sizes.heads);
}

Tensor LanguageModel::forward(const Tensor& x) {
  Tensor h = wg::take(tokens, x) + places.value();
  for (Block& block : blocks) h = block(h);
  return logits(norm(h));
}

void LanguageModel::visit(wg::nn::Visitor& v) {
  v("tokens", tokens), v("places", places);
  for (std::size_t i = 0; i < blocks.size(); ++i) v(fmt::format("block{}", i), blocks[i]);
  v("norm", norm), v("logits", logits);
}

}  // namespace contest

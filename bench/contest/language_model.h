#pragma once

#include <cstdint>
#include <vector>

#include <wengert/nn/nn.h>

namespace contest {

/// γ (x − μ) / √(σ² + 1e-5) + β, μ and σ² over the last axis (Ba, Kiros and Hinton, "Layer Normalization", 2016).
class LayerNorm : public wengert::nn::Module {
 public:
  explicit LayerNorm(std::int64_t width);
  wengert::Tensor forward(const wengert::Tensor& x) override;
  void visit(wengert::nn::Visitor& v) override;

  wengert::Parameter gain, bias;
};

/// Attention to what came before, then a perceptron, each of what is normalised and added to what it is of, x [batch,
/// time, width] (Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020).
class Block : public wengert::nn::Module {
 public:
  Block(std::int64_t width, std::int64_t heads);
  wengert::Tensor forward(const wengert::Tensor& x) override;
  void visit(wengert::nn::Visitor& v) override;

  std::int64_t heads;
  LayerNorm norm1, norm2;
  wengert::nn::Dense qkv, out, up, down;

 private:
  wengert::Tensor attention(const wengert::Tensor& x);
};

/// Tokens [batch, time] → logits of the token that follows each, [batch, time, tokens].
class LanguageModel : public wengert::nn::Module {
 public:
  struct Sizes {
    std::int64_t tokens, length, width, heads, depth;
  };
  explicit LanguageModel(const Sizes& sizes);
  wengert::Tensor forward(const wengert::Tensor& x) override;
  void visit(wengert::nn::Visitor& v) override;

  wengert::Parameter tokens, places;
  std::vector<Block> blocks;
  LayerNorm norm;
  wengert::nn::Dense logits;
};

}  // namespace contest

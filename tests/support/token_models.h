#pragma once

#include <cstdint>
#include <vector>

#include <wengert/autograd/operations.h>
#include <wengert/datasets/dataset.h>
#include <wengert/nn/nn.h>

namespace wengert::test {

/// A row of numbers for each token: [batch, length] → [batch, length, width].
class Embedding : public nn::Module {
 public:
  Embedding(std::int64_t tokens, std::int64_t width, DType dtype = DType::i32)
      : rows(zeros({tokens, width})), dtype_(dtype) {}
  Tensor forward(const Tensor& x) override { return take(rows.value(), x); }
  void visit(nn::Visitor& v) override { v("rows", rows, nn::glorot_uniform); }
  DType input_dtype() override { return dtype_; }
  Parameter rows;

 private:
  DType dtype_;
};

inline nn::Sequential token_model() { return {Embedding{7, 4}, nn::Flatten{}, nn::Dense{20, 3, nn::softmax}}; }

/// Sentences of five tokens out of seven, in three classes that the first token tells.
inline datasets::Dataset sentences(std::int64_t samples, DType dtype = DType::i32) {
  std::vector<std::int32_t> tokens;
  std::vector<std::uint8_t> labels;
  for (std::int64_t i = 0; i < samples; ++i) {
    for (std::int64_t place = 0; place < 5; ++place)
      tokens.push_back(static_cast<std::int32_t>((i + place * i * i) * 5 % 7));
    labels.push_back(static_cast<std::uint8_t>(tokens[static_cast<std::size_t>(5 * i)] % 3));
  }
  return {cast(Tensor(tokens, {samples, 5}), dtype), Tensor(labels)};
}

}  // namespace wengert::test
